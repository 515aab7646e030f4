// Child process: simulated agents. Each attests over a connection of its own, opens its push stream over another, and acknowledges each revision.
import { generateKeyPairSync } from 'node:crypto';
import { createClient, dialTls } from '#rpc';
import { AgentSyncDefinition } from '#wire/gen/hauberk_sync';
import { createCertificateRequest, pemCertificates } from '#x509';
import { PushedStream, type Pushing } from './pushed.ts';

/** Of the connections that are being opened. */
const AT_ONCE = 32;

export type FleetQuestion =
  /** Attests with each of the tokens. Answered when every stream has had its first update. */
  | { readonly join: readonly string[]; readonly port: number; readonly servername: string }
  /** Streams of a server that asks for nothing. */
  | { readonly follow: number; readonly port: number; readonly servername: string }
  /** Answered when every stream has acknowledged this revision, or a later one. */
  | { readonly revision: string };

export interface FleetAnswer {
  readonly streams: number;
  /** Nanoseconds of the machine's monotonic clock: when the last of them acknowledged. */
  readonly at: string;
}

const KEY = generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey;
const PEM = KEY.export({ type: 'pkcs8', format: 'pem' }).toString();
const CSR = createCertificateRequest(KEY);
const streams: PushedStream[] = [];
let look = (): void => {};

async function attest(token: string, { port, servername }: Pushing): Promise<NonNullable<Pushing['identity']>> {
  const dial = () => dialTls({ host: '127.0.0.1', port, servername, verify: () => {} });
  const client = createClient(AgentSyncDefinition, { dial });
  const evidence = { type: 'join_token', payload: Buffer.from(token) };
  const answer = await client.attest({ trustDomain: servername, ...evidence, csr: CSR, protocolVersion: 1 });
  await client.close();
  return { key: PEM, cert: pemCertificates(answer.certificateChain) };
}

async function open(pushing: Pushing): Promise<void> {
  await new Promise<void>((resolve) => {
    let isFirst = true;
    const onRevision = (): void => {
      if (isFirst) resolve();
      else look();
      isFirst = false;
    };
    streams.push(new PushedStream(pushing, onRevision));
  });
}

async function each<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const waiting = [...items];
  const one = async (): Promise<void> => {
    for (let item = waiting.pop(); item !== undefined; item = waiting.pop()) await work(item);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, one));
}

function acknowledged(revision: bigint): Promise<bigint> {
  return new Promise((resolve) => {
    look = (): void => {
      if (streams.some((stream) => stream.revision < revision)) return;
      look = () => {};
      const [last = 0n] = streams.map(({ at }) => at).sort((a, b) => (a < b ? 1 : -1));
      resolve(last);
    };
    look();
  });
}

async function answer(question: FleetQuestion): Promise<FleetAnswer> {
  let at = 0n;
  if ('join' in question)
    await each(question.join, async (token) => open({ ...question, identity: await attest(token, question) }));
  else if ('follow' in question) await each(Array(question.follow).fill(question), open);
  else at = await acknowledged(BigInt(question.revision));
  return { streams: streams.length, at: `${at}` };
}

process.on('message', (question: FleetQuestion) => {
  void answer(question).then((message) => process.send?.(message));
});
process.once('disconnect', () => process.exit(0));
process.once('SIGTERM', () => process.exit(0));
