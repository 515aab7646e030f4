import { readFileSync } from 'node:fs';
import { Fault, isFault } from '#kernel';
import { type Administrator, connectAs } from './administrator.ts';
import { BOOTSTRAP } from './bootstrap.ts';
import type { ContextSigner } from './context-signer.ts';
import { type DatabaseAddress, placeOf } from './database-address.ts';
import { LOGIN_GROUP } from './login-roles.ts';
import { quote } from './quote.ts';
import { assertRowSecurity } from './row-security.ts';

export interface Preparation {
  readonly address: DatabaseAddress;
  readonly administrator: Administrator;
  readonly roles: readonly string[];
  readonly signer: ContextSigner;
  /** Path of SQL, applied after the roles exist. */
  readonly schema?: string;
}

/** One gate at a time prepares a database: the number is this lock's name. */
const LOCK = 4_827_213_377;
const LOCK_SECONDS = 15;
const OLDEST_VERSION = 150_000;

/**
 * Makes the database, the functions, the roles and the tables, and assures that no role of a workload gets around row-level security.
 * Throws `DATABASE_UNAVAILABLE`, or `CONFIG_INVALID` with every problem.
 */
export async function prepareDatabase(preparation: Preparation): Promise<void> {
  const { administrator, signer } = preparation;
  await makeDatabase(preparation.address);
  await assertAble(preparation);
  await lock(administrator);
  try {
    await saying("the gate's functions cannot be made", () => administrator.query(BOOTSTRAP));
    await saying("the workloads' roles cannot be made", () => makeRoles(preparation));
    await applySchema(preparation);
    await assertRowSecurity(administrator, preparation.roles);
  } finally {
    await administrator.query(`SELECT pg_advisory_unlock(${LOCK})`);
  }
  const { ipad, opad } = signer.pads();
  await administrator.query('INSERT INTO hauberk.context_key (kid, ipad, opad) VALUES ($1, $2, $3)', [
    signer.kid,
    ipad,
    opad,
  ]);
  await administrator.query("DELETE FROM hauberk.context_key WHERE made_at < now() - interval '1 year'");
}

/** Anybody who may connect could hold this lock: the gate does not wait for it for ever. */
async function lock(administrator: Administrator): Promise<void> {
  await administrator.query(`SET lock_timeout = '${LOCK_SECONDS}s'`);
  try {
    await administrator.query(`SELECT pg_advisory_lock(${LOCK})`);
  } catch (cause) {
    if (isFault(cause)) throw cause;
    const sentence = `another gate, or somebody who keeps it out, has prepared the database for ${LOCK_SECONDS} s: see pg_locks`;
    throw new Fault('DATABASE_UNAVAILABLE', sentence, { cause });
  } finally {
    await administrator.query('RESET lock_timeout');
  }
}

/** Makes the database where it is missing: from `postgres`, which every server has. */
async function makeDatabase(address: DatabaseAddress): Promise<void> {
  const opened = await connectAs(address, address.name, () => {}).catch((error: unknown) => error);
  if (!isMissing(opened)) {
    if (opened instanceof Error) throw opened;
    return (opened as Awaited<ReturnType<typeof connectAs>>).end();
  }
  const client = await connectAs(address, 'postgres', () => {});
  try {
    await client.query(`CREATE DATABASE ${quote(address.name)}`);
  } catch (cause) {
    // Another gate may have been faster.
    if (Object(cause).code === '42P04') return;
    const sentence = `the database "${address.name}" is missing at ${placeOf(address)}, and "${address.user}" may not make it`;
    throw new Fault('CONFIG_INVALID', sentence, { cause });
  } finally {
    await client.end();
  }
}

function isMissing(error: unknown): boolean {
  return isFault(error) && Object(error.cause).code === '3D000';
}

/** The server is new enough, and the gate's user is its superuser, or may create roles and owns the database. */
async function assertAble({ administrator, address }: Preparation): Promise<void> {
  const [found] = await administrator.query(
    `SELECT current_setting('server_version_num')::int AS version, current_setting('server_version') AS named,
       r.rolsuper AS super, r.rolcreaterole AND pg_has_role(d.datdba, 'USAGE') AS able
     FROM pg_roles r, pg_database d WHERE r.rolname = current_user AND d.datname = current_database()`,
  );
  if (Number(found?.version) < OLDEST_VERSION)
    throw new Fault(
      'CONFIG_INVALID',
      `the database is PostgreSQL ${String(found?.named)}; 15 is the oldest that serves`,
    );
  if (found?.super === true || found?.able === true) return;
  const sentence = `"${address.user}" is neither a superuser nor one that may create roles and owns the database "${address.name}"`;
  throw new Fault('CONFIG_INVALID', sentence);
}

async function makeRoles({ administrator, roles, address }: Preparation): Promise<void> {
  await administrator.query(`REVOKE ALL ON DATABASE ${quote(address.name)} FROM PUBLIC`);
  await administrator.query(`GRANT CONNECT ON DATABASE ${quote(address.name)} TO ${LOGIN_GROUP}`);
  await administrator.query('REVOKE CREATE ON SCHEMA public FROM PUBLIC');
  await administrator.query('GRANT USAGE ON SCHEMA public TO PUBLIC');
  for (const role of roles) await makeRole(administrator, role, address.user);
}

/** A role that holds a workload's rights. It cannot sign in: members of it do, one for each gate. */
async function makeRole(administrator: Administrator, role: string, user: string): Promise<void> {
  const [found] = await administrator.query(
    `SELECT rolsuper, rolcanlogin, rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls AS mighty
       FROM pg_roles WHERE rolname = $1`,
    [role],
  );
  if (role === user || found?.rolsuper === true) {
    throw new Fault('CONFIG_INVALID', `the role ${role} is an administrator's and not for workloads`, {
      details: { role },
    });
  }
  if (found === undefined) await administrator.query(`CREATE ROLE ${quote(role)} NOLOGIN`);
  // Said only where it is needed: who is no superuser may not even take these rights away.
  if (found?.mighty === true)
    await administrator.query(`ALTER ROLE ${quote(role)} NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS`);
  if (found?.rolcanlogin === true) await administrator.query(`ALTER ROLE ${quote(role)} NOLOGIN PASSWORD NULL`);
}

async function applySchema({ administrator, schema }: Preparation): Promise<void> {
  if (schema === undefined) return;
  try {
    await administrator.query(readFileSync(schema, 'utf8'));
  } catch (cause) {
    if (isFault(cause)) throw cause;
    const expected = cause instanceof Error ? cause.message : 'an error';
    throw new Fault('CONFIG_INVALID', `the schema of the database cannot be applied: ${expected}`, {
      cause,
      details: { schema },
    });
  }
}

/** An error of the server as a sentence for the operator: what it speaks of is the gate's own SQL, never a value. */
async function saying(what: string, work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (cause) {
    if (isFault(cause)) throw cause;
    throw new Fault('CONFIG_INVALID', `${what}: ${cause instanceof Error ? cause.message : 'an error'}`, { cause });
  }
}
