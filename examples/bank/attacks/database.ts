// What a taken-over service can try in SQL through the gate, with its own identity and a Txn-Token that it may use.
import type { Workload } from 'hauberk/sdk';
import { type DatabaseAttack, describeError, type Seen } from './seen.ts';

type Database = ReturnType<Workload['database']>;
type Connection = Awaited<ReturnType<Database['connect']>>;

export async function databaseAttack(attack: DatabaseAttack, workload: Workload): Promise<Seen> {
  const database = workload.database({ database: attack.database });
  try {
    switch (attack.name) {
      case 'no-context':
        return await withConnection(database, async (connection) => ({
          ...(await read(connection, attack.table)),
          credentialSeconds: await credentialSeconds(connection),
        }));
      case 'forged-context':
        return await withConnection(database, (connection) => forge(connection, attack));
      case 'replayed-context':
        return await replay(database, attack);
      case 'carried-context':
        return await withConnection(database, (connection) => steps(connection, [carry(attack.context)], attack.table));
      case 'expired-context':
        return await withConnection(database, (connection) => outlive(connection, attack));
      case 'role-change':
        return await withConnection(database, (connection) => changeRole(connection, attack.table));
    }
  } finally {
    await database.end();
  }
}

async function withConnection<T>(database: Database, use: (connection: Connection) => Promise<T>): Promise<T> {
  const connection = await database.connect();
  try {
    return await use(connection);
  } finally {
    connection.release();
  }
}

async function read(connection: Connection, table: string): Promise<Seen & { rows: number }> {
  const { rows } = await connection.query(`SELECT * FROM ${table}`);
  return { rows: rows.length };
}

/** How long the password of this connection still opens the server: every role may ask. Infinity where it has no end. */
async function credentialSeconds(connection: Connection): Promise<number> {
  const { rows } = await connection.query(
    'SELECT extract(epoch FROM rolvaliduntil - now()) AS seconds FROM pg_roles WHERE rolname = session_user',
  );
  return Number(rows[0]?.seconds ?? Number.POSITIVE_INFINITY);
}

/** Writes the settings that the gate writes, by every way that SQL has. */
async function forge(connection: Connection, { table, token }: DatabaseAttack): Promise<Seen> {
  const context = '{"user":"spiffe://bank-a/user/12345","tenant":"bank-a"}';
  const ways = [
    `SELECT set_config('hauberk.context', '${context}', true)`,
    `SET LOCAL hauberk.context = '${context}'`,
    `SET hauberk.context = 'v1.0123456789abcdef.e30=.${'0'.repeat(64)}'`,
    `SELECT set_config('hauberk.user_id', 'spiffe://bank-a/user/12345', true)`,
  ];
  const made = await steps(connection, ways, table);
  const changed = await changeUser(connection, token, table);
  return { ...made, rows: Math.max(made.rows ?? 0, changed.rows ?? 0), steps: [...(made.steps ?? []), changed] };
}

/** Takes the context that the gate signed, in its own transaction, and puts another user into it. */
async function changeUser(connection: Connection, token: string, table: string): Promise<Seen & { step: string }> {
  const step = 'a signed context with another user';
  try {
    await connection.query('BEGIN');
    await connection.query(`SET hauberk.txn_token = '${token}'`);
    const { rows } = await connection.query("SELECT current_setting('hauberk.context', true) AS context");
    const [version, kid, payload = '', mac] = String(rows[0]?.context).split('.');
    const claims = Buffer.from(payload, 'base64')
      .toString()
      .replace(/user\/\d+/, 'user/67890');
    const forged = [version, kid, Buffer.from(claims).toString('base64'), mac].join('.');
    await connection.query(`SELECT set_config('hauberk.context', '${forged}', true)`);
    return { step, ...(await read(connection, table)) };
  } catch (error) {
    return { step, ...describeError(error), rows: 0 };
  } finally {
    await connection.query('ROLLBACK').catch(() => {});
  }
}

/** Copies the context of one transaction to a second connection while the first holds it, and then into the next on the first. */
async function replay(database: Database, { token, table }: DatabaseAttack): Promise<Seen> {
  return withConnection(database, async (first) => {
    await first.query('BEGIN');
    await first.query(`SET hauberk.txn_token = '${token}'`);
    const before = await read(first, table);
    const settings = await first.query("SELECT current_setting('hauberk.context', true) AS context");
    const context = String(settings.rows[0]?.context ?? '');
    const other = await withConnection(database, (second) => steps(second, [carry(context)], table));
    const still = await read(first, table);
    await first.query('COMMIT');
    const same = await steps(first, [carry(context)], table);
    const rows = Math.min(before.rows, still.rows);
    return { rows, context, steps: [...(other.steps ?? []), ...(same.steps ?? [])] };
  });
}

function carry(context = ''): string {
  return `SELECT set_config('hauberk.context', '${context.replaceAll("'", "''")}', true)`;
}

/** Stays in a transaction until its token has expired. */
async function outlive(connection: Connection, { token, table, waitMillis = 0 }: DatabaseAttack): Promise<Seen> {
  await connection.query('BEGIN');
  await connection.query(`SET hauberk.txn_token = '${token}'`);
  const { rows } = await read(connection, table);
  await new Promise((resolve) => setTimeout(resolve, waitMillis));
  const late = await read(connection, table).catch((error: unknown) => ({ ...describeError(error), rows: 0 }));
  await connection.query('ROLLBACK');
  return {
    rows,
    steps: [
      { step: 'in time', rows },
      { step: 'too late', ...late },
    ],
  };
}

async function changeRole(connection: Connection, table: string): Promise<Seen> {
  const ways = [
    'SET ROLE postgres',
    'SET ROLE bank_b_ledger',
    'RESET ROLE',
    'SET SESSION AUTHORIZATION DEFAULT',
    'RESET SESSION AUTHORIZATION',
    "DO $$ BEGIN EXECUTE 'SET ROLE postgres'; END $$",
    'SET LOCAL ROLE hauberk_owner',
    "DO $$ BEGIN EXECUTE 'SET SESSION AUTHORIZATION postgres'; END $$",
    "SELECT set_config('role', 'postgres', true)",
    "SELECT set_config('session_authorization', 'postgres', true)",
    'CREATE FUNCTION pg_temp.climb() RETURNS void LANGUAGE sql SECURITY DEFINER AS $$ SELECT 1 $$',
    'ALTER TABLE accounts DISABLE ROW LEVEL SECURITY',
    "ALTER ROLE CURRENT_USER PASSWORD 'known to the attacker'",
    'SET row_security = off',
  ];
  return steps(connection, ways, table);
}

/** Each way in a transaction of its own, and then a look at what it shows. */
async function steps(connection: Connection, ways: readonly string[], table: string): Promise<Seen> {
  const seen: (Seen & { step: string })[] = [];
  for (const way of ways) {
    const step = way.slice(0, 60);
    try {
      await connection.query('BEGIN');
      await connection.query(way);
      seen.push({ step, ...(await read(connection, table)) });
    } catch (error) {
      seen.push({ step, ...describeError(error), rows: 0 });
    } finally {
      await connection.query('ROLLBACK').catch(() => {});
    }
  }
  const refused = seen.find(({ code }) => code !== undefined);
  const rows = Math.max(...seen.map((step) => step.rows ?? 0));
  return { code: refused?.code, id: refused?.id, rows, steps: seen };
}
