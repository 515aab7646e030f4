import { readFileSync } from 'node:fs';
import { Fault, isFault } from '#kernel';
import { type Administrator, connectAs } from './administrator.ts';
import { BOOTSTRAP } from './bootstrap.ts';
import type { ContextSigner } from './context-signer.ts';
import type { DatabaseAddress } from './database-address.ts';

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

/**
 * Makes the database, the functions, the roles and the tables, and assures that no role of a workload gets around row-level security.
 * Throws `DATABASE_UNAVAILABLE`, or `CONFIG_INVALID` with every problem.
 */
export async function prepareDatabase(preparation: Preparation): Promise<void> {
  const { administrator, signer } = preparation;
  await makeDatabase(preparation.address);
  await administrator.query(`SELECT pg_advisory_lock(${LOCK})`);
  try {
    await administrator.query(BOOTSTRAP);
    await makeRoles(preparation);
    await applySchema(preparation);
    await assertRowSecurity(preparation);
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

async function makeDatabase(address: DatabaseAddress): Promise<void> {
  const client = await connectAs(address, 'postgres', () => {}).catch((cause) => {
    throw new Fault('DATABASE_UNAVAILABLE', 'the database did not answer', { cause });
  });
  try {
    const { rows } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [address.name]);
    if (rows.length === 0) await client.query(`CREATE DATABASE ${quote(address.name)}`);
  } finally {
    await client.end();
  }
}

async function makeRoles({ administrator, roles, address }: Preparation): Promise<void> {
  await administrator.query(`REVOKE ALL ON DATABASE ${quote(address.name)} FROM PUBLIC`);
  await administrator.query('REVOKE CREATE ON SCHEMA public FROM PUBLIC');
  for (const role of roles) {
    const [found] = await administrator.query('SELECT rolsuper FROM pg_roles WHERE rolname = $1', [role]);
    if (role === address.user || found?.rolsuper === true) {
      throw new Fault('CONFIG_INVALID', `the role ${role} is an administrator's and not for workloads`, {
        details: { role },
      });
    }
    if (found === undefined) await administrator.query(`CREATE ROLE ${quote(role)}`);
    const bare = 'LOGIN NOINHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS';
    await administrator.query(`ALTER ROLE ${quote(role)} ${bare}`);
    await administrator.query(`GRANT CONNECT ON DATABASE ${quote(address.name)} TO ${quote(role)}`);
  }
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

/** Relations that a workload's role may use although row-level security does not bind it there, and roles that could become another. */
const GAPS = `
  SELECT format('table %s has no forced row-level security, and %s may use it', c.oid::regclass, r.rolname) AS problem
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace CROSS JOIN pg_roles r
    WHERE r.rolname = ANY ($1) AND c.relkind IN ('r', 'p', 'm', 'f')
      AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_toast%'
      AND NOT (c.relrowsecurity AND c.relforcerowsecurity)
      AND has_table_privilege(r.oid, c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE')
  UNION ALL
  SELECT format('view %s reads with its owner''s rights, and %s may use it', c.oid::regclass, r.rolname)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace CROSS JOIN pg_roles r
    WHERE r.rolname = ANY ($1) AND c.relkind = 'v' AND n.nspname NOT IN ('pg_catalog', 'information_schema')
      AND NOT coalesce(c.reloptions && ARRAY['security_invoker=true', 'security_invoker=on'], false)
      AND has_table_privilege(r.oid, c.oid, 'SELECT, INSERT, UPDATE, DELETE')
  UNION ALL
  SELECT format('role %s is a member of %s', m.member::regrole, m.roleid::regrole)
    FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member WHERE r.rolname = ANY ($1)
  UNION ALL
  SELECT format('role %s owns %s', r.rolname, c.oid::regclass)
    FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner WHERE r.rolname = ANY ($1) AND c.relkind IN ('r', 'p', 'v', 'm')`;

async function assertRowSecurity({ administrator, roles }: Preparation): Promise<void> {
  const gaps = await administrator.query(GAPS, [roles]);
  if (gaps.length === 0) return;
  const problems = gaps.map(({ problem }) => ({ found: String(problem), expected: 'forced row-level security' }));
  throw new Fault('CONFIG_INVALID', 'the database has ways around row-level security', { details: { problems } });
}

/** An identifier as SQL writes it. */
export function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
