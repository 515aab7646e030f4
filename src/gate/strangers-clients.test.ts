// Clients of other languages, as they come: psycopg (libpq, Python) and PostgreSQL's JDBC driver. Each skips by name where it is not to be had.
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { existsSync, globSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { pemCertificates } from '#x509';
import { ACCOUNTS, ALICE, type Bank, CAROL, openBank } from './gate.harness.ts';

const python = ['python3', '/usr/bin/python3'].find(
  (command) => spawnSync(command, ['-c', 'import psycopg'], { stdio: 'ignore' }).status === 0,
);
const [jdbc] = globSync('/usr/share/java/postgresql.jar');
const java = '/usr/bin/java';

const run = promisify(execFile);
let bank: Bank;
before(async () => {
  bank = await openBank();
});
after(() => bank.close());

interface Place {
  readonly cert: string;
  readonly key: string;
  readonly der: string;
  readonly port: string;
}

async function place(): Promise<Place> {
  const svid = await bank.authorities.svid(ACCOUNTS);
  const at = (name: string): string => join(bank.dir, name);
  writeFileSync(at('client.crt'), pemCertificates([...svid.chain]));
  writeFileSync(at('client.key'), svid.privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  writeFileSync(at('client.pk8'), svid.privateKey.export({ type: 'pkcs8', format: 'der' }), { mode: 0o600 });
  return { cert: at('client.crt'), key: at('client.key'), der: at('client.pk8'), port: `${bank.gate.port}` };
}

const PYTHON = `
import os, psycopg
e = os.environ
def connect():
    return psycopg.connect(host='127.0.0.1', port=e['PORT'], dbname='bank', user='me', sslmode='require', sslcert=e['CERT'], sslkey=e['KEY'])
with connect() as db:
    for token, rows in ((e['ALICE'], 2), (e['CAROL'], 1)):
        with db.transaction():
            db.execute("SET hauberk.txn_token = '%s'" % token)
            for _ in range(7):
                assert len(db.execute('SELECT id FROM accounts WHERE balance_cents > %s', (0,)).fetchall()) == rows
            try:
                with db.transaction():
                    db.execute('SELECT nothing')
            except psycopg.errors.UndefinedColumn:
                pass
            with db.cursor() as c:
                with c.copy('COPY (SELECT id FROM accounts) TO STDOUT') as copy:
                    assert len(list(copy.rows())) == rows
    assert db.execute('SELECT count(*) FROM accounts').fetchone()[0] == 0
    db.commit()
    with db.pipeline():
        cursors = [db.execute('SELECT %s::int', (i,)) for i in range(20)]
        assert [c.fetchone()[0] for c in cursors] == list(range(20))
    try:
        db.execute('SET ROLE postgres')
        raise SystemExit('the role was changed')
    except psycopg.errors.InsufficientPrivilege as error:
        assert str(error).startswith('DATABASE_ROLE_CHANGE'), error
print('ok')
`;

test('psycopg', { skip: python === undefined ? 'psycopg is not installed: python3-psycopg' : false }, async () => {
  const { cert, key, port } = await place();
  const tokens = { ALICE: (await bank.minters.token(ALICE)).token, CAROL: (await bank.minters.token(CAROL)).token };
  const env = { PATH: process.env.PATH, HOME: bank.dir, CERT: cert, KEY: key, PORT: port, ...tokens };
  assert.equal((await run(python ?? '', ['-c', PYTHON], { env })).stdout, 'ok\n');
});

const JAVA = `
import java.sql.*;
public class Client {
  static int rows(Connection db) throws SQLException {
    try (PreparedStatement s = db.prepareStatement("SELECT id FROM accounts WHERE balance_cents > ?")) {
      s.setLong(1, 0);
      int n = 0;
      try (ResultSet r = s.executeQuery()) { while (r.next()) n++; }
      return n;
    }
  }
  static void check(boolean holds, String what) { if (!holds) throw new IllegalStateException(what); }
  public static void main(String[] a) throws Exception {
    String url = "jdbc:postgresql://127.0.0.1:" + a[0] + "/bank?user=me&ssl=true&sslmode=require&sslcert=" + a[1] + "&sslkey=" + a[2]
      + "&preferQueryMode=extendedForPrepared";
    try (Connection db = DriverManager.getConnection(url)) {
      db.setAutoCommit(false);
      for (int i = 3; i < 5; i++) {
        try (Statement s = db.createStatement()) { s.execute("BEGIN"); s.execute("SET hauberk.txn_token = '" + a[i] + "'"); }
        for (int n = 0; n < 7; n++) check(rows(db) == (i == 3 ? 2 : 1), "rows");
        db.commit();
        check(rows(db) == 0, "rows without a context");
        db.commit();
      }
      try (Statement s = db.createStatement()) { s.execute("SET ROLE postgres"); check(false, "role"); }
      catch (SQLException error) { check(error.getMessage().contains("DATABASE_ROLE_CHANGE"), error.getMessage()); }
    }
    System.out.println("ok");
  }
}
`;

const noJdbc =
  jdbc === undefined || !existsSync(java)
    ? 'the JDBC driver is not installed: libpostgresql-jdbc-java and a JDK'
    : false;
test('JDBC', { skip: noJdbc }, async () => {
  const { cert, der, port } = await place();
  writeFileSync(join(bank.dir, 'Client.java'), JAVA);
  const tokens = [(await bank.minters.token(ALICE)).token, (await bank.minters.token(CAROL)).token];
  const args = ['-cp', jdbc ?? '', join(bank.dir, 'Client.java'), port, cert, der, ...tokens];
  assert.equal((await run(java, args)).stdout, 'ok\n');
});
