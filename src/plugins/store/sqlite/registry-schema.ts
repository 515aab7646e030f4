import type { DatabaseSync } from 'node:sqlite';
import { type Migration, numberOf, optionalText, type Row, textOf } from './database.ts';

const LOGS = (name: string) => `
  CREATE TABLE revision (${name} TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;
  CREATE TABLE change (
    ${name} TEXT NOT NULL, revision INTEGER NOT NULL, kind TEXT NOT NULL, key TEXT NOT NULL, body TEXT,
    PRIMARY KEY (${name}, revision, kind, key)
  ) STRICT;
  CREATE TABLE resource (
    ${name} TEXT NOT NULL, kind TEXT NOT NULL, key TEXT NOT NULL, body TEXT NOT NULL, revision INTEGER NOT NULL,
    PRIMARY KEY (${name}, kind, key)
  ) STRICT;`;

const TOKENS_AND_AGENTS = `
  CREATE TABLE join_token (token TEXT PRIMARY KEY, trust_domain TEXT NOT NULL, expires_at INTEGER NOT NULL, alias TEXT) STRICT;
  CREATE TABLE agent (
    id TEXT PRIMARY KEY, trust_domain TEXT NOT NULL, alias TEXT, serial TEXT NOT NULL, previous_serial TEXT, expires_at INTEGER NOT NULL
  ) STRICT;`;

/** The schema's history: a file of any earlier version is brought up, one step at a time. */
export const REGISTRY_MIGRATIONS: readonly Migration[] = [
  (database) => database.exec(LOGS('trust_domain') + TOKENS_AND_AGENTS),
  tokensAndAgentsBecomeLogs,
];

/** 2: join tokens and agents are logs beside their trust domain's; receipts and last uses are kept; a log may be compacted. */
function tokensAndAgentsBecomeLogs(database: DatabaseSync): void {
  database.exec(`
    ALTER TABLE revision RENAME COLUMN trust_domain TO log;
    ALTER TABLE change RENAME COLUMN trust_domain TO log;
    ALTER TABLE resource RENAME COLUMN trust_domain TO log;
    ALTER TABLE revision ADD COLUMN compacted INTEGER NOT NULL DEFAULT 0;
    CREATE TABLE receipt (
      position INTEGER PRIMARY KEY, trust_domain TEXT NOT NULL, id TEXT NOT NULL UNIQUE, body TEXT NOT NULL
    ) STRICT;
    CREATE TABLE last_use (
      trust_domain TEXT NOT NULL, kind TEXT NOT NULL, key TEXT NOT NULL, last_used_at INTEGER NOT NULL,
      PRIMARY KEY (trust_domain, kind, key)
    ) STRICT`);
  for (const row of database.prepare('SELECT * FROM agent').all()) {
    const agent = agentOf(row);
    put(database, `${agent.trustDomain}/agents`, 'Agent', agent.id, agent);
  }
  for (const row of database.prepare('SELECT * FROM join_token').all()) {
    const token = tokenOf(row);
    put(database, `${token.trustDomain}/join-tokens`, 'JoinToken', token.token, token);
  }
  database.exec('DROP TABLE agent; DROP TABLE join_token');
}

function put(database: DatabaseSync, log: string, kind: string, key: string, body: object): void {
  // Without its change, the log's first revision counts as compacted.
  database.prepare('INSERT INTO revision VALUES (?, 1, 1) ON CONFLICT DO NOTHING').run(log);
  database.prepare('INSERT INTO resource VALUES (?, ?, ?, ?, 1)').run(log, kind, key, JSON.stringify(body));
}

function agentOf(row: Row) {
  const alias = optionalText(row.alias);
  const previousSerial = optionalText(row.previous_serial);
  return {
    id: textOf(row.id),
    trustDomain: textOf(row.trust_domain),
    ...(alias === undefined ? {} : { alias }),
    attestationType: 'join_token',
    selectors: [],
    canReattest: false,
    banned: false,
    serial: textOf(row.serial),
    ...(previousSerial === undefined ? {} : { previousSerial }),
    expiresAt: numberOf(row.expires_at),
  };
}

function tokenOf(row: Row) {
  const alias = optionalText(row.alias);
  return {
    token: textOf(row.token),
    trustDomain: textOf(row.trust_domain),
    expiresAt: numberOf(row.expires_at),
    ...(alias === undefined ? {} : { alias }),
  };
}
