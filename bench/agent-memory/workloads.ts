// Child process: workloads. Each is a connection of its own with an open FetchX509SVID, and has asked for a JWT-SVID where it is told to.
import { createClient } from '#rpc';
import { dialUnix } from '#wire';
import { SpiffeWorkloadAPIDefinition } from '#wire/gen/workloadapi';

export interface WorkloadsQuestion {
  readonly socket: string;
  readonly count: number;
  /** Each is the user after the one before; undefined: all are the user of this process. */
  readonly firstUid: number | undefined;
  readonly withJwt: boolean;
}

const metadata = { 'workload.spiffe.io': 'true' };

/** The kernel names the user that a process was when it connected: node:net connects before `dialUnix` returns. */
function dialAs(socket: string, uid: number | undefined): ReturnType<typeof dialUnix> {
  if (uid === undefined) return dialUnix(socket);
  const before = process.geteuid?.() ?? 0;
  process.seteuid?.(uid);
  try {
    return dialUnix(socket);
  } finally {
    process.seteuid?.(before);
  }
}

async function open({ socket, withJwt }: WorkloadsQuestion, uid: number | undefined): Promise<void> {
  const client = createClient(SpiffeWorkloadAPIDefinition, { dial: () => dialAs(socket, uid), metadata });
  const states = client.fetchX509SVID({})[Symbol.asyncIterator]();
  const { value } = await states.next();
  if (withJwt) {
    const spiffeId = value?.svids[0]?.spiffeId ?? '';
    if (value?.svids.length !== 1 || (uid !== undefined && !spiffeId.endsWith(`-${uid}`)))
      throw new TypeError(`user ${uid} has ${spiffeId} among ${value?.svids.length}`);
    await client.fetchJWTSVID({ audience: ['bench'], spiffeId: '' });
  }
  // Read on, so that the stream stands.
  void states.next();
}

/** Of the connections that are being opened. */
const AT_ONCE = 32;

async function openAll(question: WorkloadsQuestion): Promise<void> {
  let next = 0;
  const one = async (): Promise<void> => {
    for (let index = next++; index < question.count; index = next++)
      await open(question, question.firstUid === undefined ? undefined : question.firstUid + index);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, one));
}

process.on('message', (question: WorkloadsQuestion) => {
  void openAll(question).then(() => process.send?.({}));
});
process.once('disconnect', () => process.exit(0));
process.once('SIGTERM', () => process.exit(0));
