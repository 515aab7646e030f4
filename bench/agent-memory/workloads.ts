// Child process: workloads. Each is a connection of its own with an open FetchX509SVID, and has asked for a JWT-SVID where it is told to.
import { createClient } from '#rpc';
import { dialUnix } from '#wire';
import { SpiffeWorkloadAPIDefinition } from '#wire/gen/workloadapi';

export interface WorkloadsQuestion {
  readonly socket: string;
  readonly count: number;
  readonly withJwt: boolean;
}

const metadata = { 'workload.spiffe.io': 'true' };

async function open({ socket, withJwt }: WorkloadsQuestion): Promise<void> {
  const client = createClient(SpiffeWorkloadAPIDefinition, { dial: () => dialUnix(socket), metadata });
  const states = client.fetchX509SVID({})[Symbol.asyncIterator]();
  const { value } = await states.next();
  if (withJwt) {
    if (value?.svids.length !== 1) throw new TypeError(`a workload has ${value?.svids.length} identities`);
    await client.fetchJWTSVID({ audience: ['bench'], spiffeId: '' });
  }
  // Read on, so that the stream stands.
  void states.next();
}

/** Of the connections that are being opened. */
const AT_ONCE = 32;

async function openAll(question: WorkloadsQuestion): Promise<void> {
  let left = question.count;
  const one = async (): Promise<void> => {
    while (left-- > 0) await open(question);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, one));
}

process.on('message', (question: WorkloadsQuestion) => {
  void openAll(question).then(() => process.send?.({}));
});
process.once('disconnect', () => process.exit(0));
process.once('SIGTERM', () => process.exit(0));
