import type { DatabaseSync } from 'node:sqlite';
import { Fault } from '#kernel';
import type { AgentRecord, Change, JoinToken, LoggedChange, Store, StoredResource } from '#registry';
import { RESOURCE_KINDS, type ResourceKind } from '#wire';
import { numberOf, openDatabase, optionalText, type Row, textOf, transaction } from './database.ts';

const VERSION = 1;
const SCHEMA = `
  CREATE TABLE revision (trust_domain TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;
  CREATE TABLE change (
    trust_domain TEXT NOT NULL, revision INTEGER NOT NULL, kind TEXT NOT NULL, key TEXT NOT NULL, body TEXT,
    PRIMARY KEY (trust_domain, revision, kind, key)
  ) STRICT;
  CREATE TABLE resource (
    trust_domain TEXT NOT NULL, kind TEXT NOT NULL, key TEXT NOT NULL, body TEXT NOT NULL, revision INTEGER NOT NULL,
    PRIMARY KEY (trust_domain, kind, key)
  ) STRICT;
  CREATE TABLE join_token (token TEXT PRIMARY KEY, trust_domain TEXT NOT NULL, expires_at INTEGER NOT NULL, alias TEXT) STRICT;
  CREATE TABLE agent (
    id TEXT PRIMARY KEY, trust_domain TEXT NOT NULL, alias TEXT, serial TEXT NOT NULL, previous_serial TEXT, expires_at INTEGER NOT NULL
  ) STRICT`;

/** The registry in one SQLite file. Calls block for the length of a transaction. */
export class SqliteStore implements Store {
  readonly #database: DatabaseSync;

  constructor(file: string) {
    this.#database = openDatabase(file, VERSION, SCHEMA);
  }

  async load(): Promise<readonly StoredResource[]> {
    return this.#all('SELECT trust_domain, kind, key, body, revision FROM resource ORDER BY revision').map(toResource);
  }

  async revisions(): Promise<ReadonlyMap<string, number>> {
    return new Map(
      this.#all('SELECT trust_domain, value FROM revision').map((row) => [
        textOf(row.trust_domain),
        numberOf(row.value),
      ]),
    );
  }

  async changesSince(trustDomain: string, revision: number): Promise<readonly LoggedChange[]> {
    const sql =
      'SELECT trust_domain, kind, key, body, revision FROM change WHERE trust_domain = ? AND revision > ? ORDER BY revision';
    return this.#all(sql, trustDomain, revision).map((row) => ({ ...toResource(row), removed: row.body === null }));
  }

  async commit(trustDomain: string, changes: readonly Change[]): Promise<number> {
    return transaction(this.#database, () => {
      // The counter's row is written first, so that it is locked for the rest of the transaction.
      const raise =
        'INSERT INTO revision VALUES (?, 1) ON CONFLICT (trust_domain) DO UPDATE SET value = value + 1 RETURNING value';
      const revision = numberOf(this.#database.prepare(raise).get(trustDomain)?.value);
      for (const change of changes) this.#write(trustDomain, revision, change);
      return revision;
    });
  }

  async addJoinToken({ token, trustDomain, expiresAt, alias }: JoinToken): Promise<void> {
    this.#database
      .prepare('INSERT INTO join_token VALUES (?, ?, ?, ?)')
      .run(token, trustDomain, expiresAt, alias ?? null);
  }

  async findJoinToken(token: string, now: number): Promise<JoinToken | undefined> {
    const row = this.#all('SELECT * FROM join_token WHERE token = ? AND expires_at > ?', token, now)[0];
    if (row === undefined) return undefined;
    const alias = optionalText(row.alias);
    return {
      token,
      trustDomain: textOf(row.trust_domain),
      expiresAt: numberOf(row.expires_at),
      ...(alias === undefined ? {} : { alias }),
    };
  }

  async redeemJoinToken(token: string, now: number, agent: AgentRecord): Promise<boolean> {
    return transaction(this.#database, () => {
      const used = this.#database
        .prepare('DELETE FROM join_token WHERE token = ? AND trust_domain = ? AND expires_at > ?')
        .run(token, agent.trustDomain, now);
      if (Number(used.changes) !== 1) return false;
      this.#putAgent(agent);
      return true;
    });
  }

  async agents(trustDomain: string): Promise<readonly AgentRecord[]> {
    return this.#all('SELECT * FROM agent WHERE trust_domain = ?', trustDomain).map(toAgent);
  }

  async putAgent(agent: AgentRecord): Promise<void> {
    this.#putAgent(agent);
  }

  async close(): Promise<void> {
    if (this.#database.isOpen) this.#database.close();
  }

  #write(trustDomain: string, revision: number, { kind, key, body }: Change): void {
    const text = body === null ? null : JSON.stringify(body);
    this.#database.prepare('INSERT INTO change VALUES (?, ?, ?, ?, ?)').run(trustDomain, revision, kind, key, text);
    if (text === null) {
      this.#database
        .prepare('DELETE FROM resource WHERE trust_domain = ? AND kind = ? AND key = ?')
        .run(trustDomain, kind, key);
    } else {
      this.#database
        .prepare('INSERT OR REPLACE INTO resource VALUES (?, ?, ?, ?, ?)')
        .run(trustDomain, kind, key, text, revision);
    }
  }

  #putAgent({ id, trustDomain, alias, serial, previousSerial, expiresAt }: AgentRecord): void {
    this.#database
      .prepare('INSERT OR REPLACE INTO agent VALUES (?, ?, ?, ?, ?, ?)')
      .run(id, trustDomain, alias ?? null, serial, previousSerial ?? null, expiresAt);
  }

  #all(sql: string, ...values: (string | number)[]): Row[] {
    return this.#database.prepare(sql).all(...values);
  }
}

function toResource(row: Row): StoredResource {
  const body: unknown = row.body === null ? null : JSON.parse(textOf(row.body));
  return {
    trustDomain: textOf(row.trust_domain),
    kind: kindOf(row.kind),
    key: textOf(row.key),
    body,
    revision: numberOf(row.revision),
  };
}

function toAgent(row: Row): AgentRecord {
  const alias = optionalText(row.alias);
  const previousSerial = optionalText(row.previous_serial);
  return {
    id: textOf(row.id),
    trustDomain: textOf(row.trust_domain),
    serial: textOf(row.serial),
    expiresAt: numberOf(row.expires_at),
    ...(alias === undefined ? {} : { alias }),
    ...(previousSerial === undefined ? {} : { previousSerial }),
  };
}

function kindOf(value: unknown): ResourceKind {
  const kind = RESOURCE_KINDS.find((known) => known === value);
  if (kind === undefined)
    throw new Fault('STORE_SCHEMA_NEWER', 'the store holds a kind of resource that this version does not know');
  return kind;
}
