// node-postgres through the gate (mTLS, token, signed context) against the same server by TLS, past it: queries a second, and what a
// query and a user's transaction take longer. Gate, load and server are three processes.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { ACCOUNTS, ALICE, openHouse, ROLES, SCHEMA } from '../src/gate/gate.harness.ts';
import { startGate } from '../src/gate/index.ts';
import { openssl, startStranger } from '../src/gate/stranger.harness.ts';
import { Lifecycle, silentLog, systemClock, systemRandom } from '../src/kernel/index.ts';
import { pemCertificates } from '../src/x509/index.ts';
import type { Figure } from './figure.ts';
import type { Job, Measured } from './gate/load.ts';

const MILLIS = 1500;
const QUERY = ['SELECT $1::int AS n'];
const BUDGETS = { queries: 0.25, queryMillis: 0.5, transactionMillis: 4 };

export async function run(): Promise<readonly Figure[]> {
  if (openssl !== false) return [];
  const lifecycle = new Lifecycle();
  try {
    const { authorities, minters, workload } = await openHouse(lifecycle);
    const stranger = lifecycle.own(await startStranger(undefined));
    const gate = lifecycle.own(
      await startGate({
        listen: { host: '127.0.0.1', port: 0 },
        database: { connectionString: stranger.url(stranger.superuser, ''), name: 'bank', schema: SCHEMA },
        document: { database: 'bank', credentialLifetimeSeconds: 900, roles: ROLES },
        ...{ workload, clock: systemClock, random: systemRandom, log: silentLog },
      }),
    );
    const { chain, privateKey } = await authorities.svid(ACCOUNTS);
    const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const ssl = { rejectUnauthorized: false };
    const through: Job['connection'] = {
      ...{ host: '127.0.0.1', port: gate.port, user: 'x', database: 'bank' },
      ssl: { ...ssl, cert: pemCertificates([...chain]), key },
    };
    const [user, password] = stranger.superuser.split(':');
    const past: Job['connection'] = {
      ...{ host: '127.0.0.1', port: stranger.postgres.port, user, password, database: 'bank', ssl },
    };
    const many = { clients: 8, millis: MILLIS, round: QUERY };
    const one = { ...many, clients: 1 };
    const { token } = await minters.token(ALICE, 600);
    const transaction = (setting: string): Job['round'] => ['BEGIN', setting, 'SELECT * FROM accounts', 'COMMIT'];
    const figures = [
      rate(await load({ ...many, connection: through }), await load({ ...many, connection: past })),
      added(
        'gate.query',
        await load({ ...one, connection: through }),
        await load({ ...one, connection: past }),
        BUDGETS.queryMillis,
      ),
      added(
        'gate.transaction',
        await load({ ...one, connection: through, round: transaction(`SET hauberk.txn_token = '${token}'`) }),
        await load({ ...one, connection: past, round: transaction("SET application_name = 'x'") }),
        BUDGETS.transactionMillis,
      ),
    ];
    return figures;
  } finally {
    await lifecycle.close();
  }
}

function load(job: Job): Promise<Measured> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'gate', 'load.ts')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  child.stdin.end(JSON.stringify(job));
  return new Promise((resolve, reject) => {
    let text = '';
    child.stdout.on('data', (chunk) => {
      text += String(chunk);
    });
    child.on('close', (status) => (status === 0 ? resolve(JSON.parse(text)) : reject(new Error('the load broke off'))));
  });
}

function rate(gate: Measured, direct: Measured): Figure {
  const ratio = gate.perSecond / direct.perSecond;
  const budget = `>= ${BUDGETS.queries} of direct TLS`;
  const [value, limit] = [gate.perSecond, direct.perSecond];
  return { name: 'gate.queries', unit: 'queries/s', value, limit, ratio, budget, ok: ratio >= BUDGETS.queries };
}

/** The limit is what it takes past the gate; the budget is of the difference. */
function added(name: string, gate: Measured, direct: Measured, most: number): Figure {
  const [value, limit] = [gate.p50Millis, direct.p50Millis];
  const ok = value - limit <= most;
  return { name, unit: 'ms p50', value, limit, ratio: value / limit, budget: `<= ${most} ms more`, ok };
}
