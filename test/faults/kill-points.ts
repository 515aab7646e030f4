// Loaded before a child's own program (--import), in its main thread and in its workers: tells of every call to a database, and kills the
// process, as the kernel would, just before the one that KILL_AT counts. Nothing in the product knows of it.
import { writeSync } from 'node:fs';
import { DatabaseSync, StatementSync } from 'node:sqlite';
import pg from 'pg';

const killAt = Number(process.env.KILL_AT ?? 0);
let calls = 0;

function tell(sql: unknown): void {
  writeSync(2, `call ${String(sql).trim().split(/\s+/).slice(0, 3).join(' ')}\n`);
  if (++calls === killAt) process.kill(process.pid, 'SIGKILL');
}

const { exec, prepare } = DatabaseSync.prototype;
const { run } = StatementSync.prototype;
DatabaseSync.prototype.exec = function (sql) {
  tell(sql);
  return exec.call(this, sql);
};
const texts = new WeakMap<StatementSync, string>();
DatabaseSync.prototype.prepare = function (sql, ...rest) {
  const statement = prepare.call(this, sql, ...rest);
  texts.set(statement, sql);
  return statement;
};
Reflect.set(StatementSync.prototype, 'run', function (this: StatementSync, ...values: Parameters<typeof run>) {
  tell(texts.get(this));
  return run.apply(this, values);
});

const query: (...words: unknown[]) => unknown = Reflect.get(pg.Client.prototype, 'query');
Reflect.set(pg.Client.prototype, 'query', function (this: pg.Client, ...words: unknown[]) {
  const [asked] = words;
  const isCommit = asked === 'COMMIT';
  if (!isCommit) tell(typeof asked === 'string' ? asked : Object(asked).text);
  const answer = query.apply(this, words);
  // During: the server has been told to commit, and nobody is left to hear that it did.
  if (isCommit) setImmediate(() => tell('COMMIT'));
  return answer;
});
