import type { Log } from '#kernel';
import type { Administrator } from './administrator.ts';
import { quote } from './quote.ts';

/** Every login role of every gate is a member: what `pg_hba.conf` names as `+hauberk_login`. It may connect, and nothing else. */
export const LOGIN_GROUP = 'hauberk_login';

/** The server's names are 63 bytes long at most; `@` and the gate's id of 16 digits follow the role. */
export const ROLE_NAME_LIMIT = 46;

/**
 * Roles that sign in. Each gate has its own for each role of a workload, named `role@gate`: members of the workload's role, which cannot sign
 * in itself. So gates work side by side on one database, no password is shared, and one gate's can be taken away without the others'.
 */
export class LoginRoles {
  readonly #administrator: Administrator;
  readonly #gate: string;
  readonly #log: Log;
  readonly #made = new Set<string>();

  /** `gate`: 16 hexadecimal digits that no other gate has. */
  constructor(administrator: Administrator, gate: string, log: Log) {
    this.#administrator = administrator;
    this.#gate = gate;
    this.#log = log;
  }

  nameFor(role: string): string {
    return `${role}@${this.#gate}`;
  }

  /** Gives the login role a password, kept by the server as this verifier, for so long by the server's own clock. */
  async renew(role: string, verifier: string, lifetimeSeconds: number): Promise<void> {
    const login = this.nameFor(role);
    if (!this.#made.has(login)) await this.#make(role, login);
    const [row] = await this.#administrator.query("SELECT (now() + $1 * interval '1 second')::text AS until", [
      lifetimeSeconds,
    ]);
    await this.#administrator.query(
      `ALTER ROLE ${quote(login)} LOGIN PASSWORD '${verifier}' VALID UNTIL '${String(row?.until)}'`,
    );
  }

  /** Takes this gate's login roles away, as far as the server can be reached: their passwords end by themselves. */
  async drop(): Promise<void> {
    for (const login of this.#made) await this.#dropOne(login);
    this.#made.clear();
  }

  /** Drops what gates that are gone left behind: nobody has been able to sign in with it for an hour. */
  async dropStale(): Promise<void> {
    const stale = await this.#administrator.query(
      `SELECT r.rolname AS login FROM pg_catalog.pg_roles r
         JOIN pg_catalog.pg_auth_members m ON m.member = r.oid JOIN pg_catalog.pg_roles g ON g.oid = m.roleid
         WHERE g.rolname = $1 AND r.rolname ~ '@[0-9a-f]{16}$' AND r.rolvaliduntil < now() - interval '1 hour'
           AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_activity a WHERE a.usesysid = r.oid)`,
      [LOGIN_GROUP],
    );
    for (const { login } of stale) await this.#dropOne(String(login));
  }

  /** Of a role that exists already only a gate with this gate's id can have made it: nobody has. */
  async #make(role: string, login: string): Promise<void> {
    const [server] = await this.#administrator.query("SELECT current_setting('server_version_num')::int AS version");
    // Before 16 a member may always `SET ROLE` to its group: it gains nothing there that it has not already.
    const bare = Number(server?.version) >= 160_000 ? ' WITH INHERIT TRUE, SET FALSE' : '';
    await this.#administrator.query(
      `CREATE ROLE ${quote(login)} NOLOGIN INHERIT; GRANT ${quote(role)}, ${LOGIN_GROUP} TO ${quote(login)}${bare}`,
    );
    this.#made.add(login);
  }

  async #dropOne(login: string): Promise<void> {
    try {
      await this.#administrator.query(`DROP ROLE IF EXISTS ${quote(login)}`);
    } catch (error) {
      this.#log.warn('a login role could not be dropped', { login, error });
    }
  }
}
