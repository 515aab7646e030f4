import { type Clock, type Closeable, Fault, Lifecycle, type Log, type Random } from '#kernel';
import { Administrator } from './administrator.ts';
import { assertClosedToOthers } from './closed-to-others.ts';
import { ContextSigner } from './context-signer.ts';
import { Credentials } from './credentials.ts';
import { type DatabaseConfig, readDatabaseAddress } from './database-address.ts';
import { openFrontDoor } from './front-door.ts';
import type { GateDocument } from './gate-document.ts';
import type { GateWorkload } from './gate-workload.ts';
import { LoginRoles } from './login-roles.ts';
import { prepareDatabase } from './prepare-database.ts';
import { Receipts } from './receipts.ts';
import { Reception } from './reception.ts';
import { followServerLog } from './server-log.ts';

export interface GateOptions {
  readonly listen: { readonly host: string; readonly port: number };
  readonly database: DatabaseConfig;
  readonly document: GateDocument;
  /** Log of the database server: logins that it refused leave receipts. */
  readonly serverLog?: string;
  readonly workload: GateWorkload;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export interface RunningGate extends Closeable {
  readonly port: number;
}

/** Prepares the database and opens the gate to it. Throws `DATABASE_UNAVAILABLE`, `CONFIG_INVALID`, `PORT_OCCUPIED`. */
export async function startGate(options: GateOptions): Promise<RunningGate> {
  const { workload, clock, random, log, document } = options;
  const lifecycle = new Lifecycle();
  try {
    const address = readDatabaseAddress(options.database);
    const administrator = lifecycle.own(new Administrator(address, log));
    const signer = new ContextSigner(random);
    const roles = new Map(document.roles.map(({ spiffeId, role }) => [spiffeId, role]));
    const { schema, name: database } = options.database;
    const names = [...new Set(roles.values())];
    const prepared = { address, administrator, signer, roles: names, ...(schema === undefined ? {} : { schema }) };
    await prepareDatabase(prepared);
    const receipts = new Receipts(workload, clock, random, log);
    const logins = new LoginRoles(administrator, signer.kid, log);
    await logins.dropStale();
    lifecycle.defer(() => logins.drop());
    const credentials = new Credentials(logins, clock, random, document.credentialLifetimeSeconds);
    const reception = new Reception({
      workload,
      address,
      database,
      credentials,
      signer,
      receipts,
      roles,
      clock,
      random,
      log,
    });
    const onDirect = (detail: object): void =>
      void receipts.leave({ effect: 'deny', code: 'DATABASE_DIRECT', resource: database, detail: { ...detail } });
    if (options.serverLog !== undefined) lifecycle.own(followServerLog(options.serverLog, onDirect));
    // Who else is refused stands in a log that cannot be read here: that the door is closed is tried instead.
    else
      for (const user of await assertClosedToOthers({ address, logins, roles: names, random }))
        onDirect({ user, by: 'gate' });
    const front = lifecycle.own(
      await openFrontDoor({
        listen: options.listen,
        workload,
        log,
        onSecure: (socket) => void reception.receive(socket),
        onPlain: (socket) =>
          reception.refuse(socket, new Fault('PEER_CERTIFICATE_MISSING', 'connect with TLS and an X509-SVID')),
        onCancel: (pid, secret) => reception.cancel(pid, secret),
      }),
    );
    lifecycle.defer(() => reception.close());
    lifecycle.defer(workload.onChange(() => reception.recheck()));
    log.info('the gate is open', { port: front.port, database });
    return { port: front.port, close: () => lifecycle.close() };
  } catch (error) {
    await lifecycle.close();
    throw error;
  }
}
