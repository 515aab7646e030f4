import { AgentDefinition } from '#wire/gen/spire/api/server/agent';
import { EntryDefinition } from '#wire/gen/spire/api/server/entry';
import { Entry } from '#wire/gen/spire/api/types';
import { UID } from '../../../../src/agent/agent.harness.ts';
import { type Spire, spiffeId } from '../../../../src/server/spire/spire.harness.ts';

/** What the recorded agent found at its server: an entry, and the join token that it returns. */
export async function furnish(spire: Spire): Promise<string> {
  const entry = {
    ...Entry.decode(new Uint8Array()),
    ...{ id: 'one', spiffeId: spiffeId('/one'), parentId: spiffeId('/node/stock') },
    selectors: [{ type: 'unix', value: `uid:${UID}` }],
  };
  await spire.local(EntryDefinition).batchCreateEntry({ entries: [entry], outputMask: undefined });
  const asked = { ttl: 600, token: '00000000-0000-4000-8000-000000000000', agentId: spiffeId('/node/stock') };
  return (await spire.local(AgentDefinition).createJoinToken(asked)).value;
}
