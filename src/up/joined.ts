import type { Closeable } from '#kernel';
import type { AdminClient, SupervisorClient } from './control.ts';
import { pause } from './ready.ts';

const LOOK_MILLIS = 1000;

/**
 * Watches the agent's state and hands it a fresh join token and bundle for every trust domain that it can no longer renew in, as
 * after a long sleep. Ends when closed; a round that fails is tried again in the next.
 */
export function keepAgentJoined(parts: {
  readonly supervisor: () => SupervisorClient;
  readonly admin: AdminClient;
  readonly node: string;
  readonly say: (line: string) => void;
}): Closeable {
  let over = false;
  const round = async (): Promise<void> => {
    const supervisor = parts.supervisor();
    const { trustDomains } = await supervisor.status();
    for (const { name, state } of trustDomains) {
      if (state !== 'needs-join-token') continue;
      parts.say(`the agent lost its identity in ${name}; it is given a new join token`);
      await supervisor.provide(await parts.admin.joinMaterial(name, `spiffe://${name}/node/${parts.node}`));
    }
  };
  const watch = (async () => {
    while (!over) {
      await round().catch(() => {});
      for (let waited = 0; waited < LOOK_MILLIS && !over; waited += 50) await pause(50);
    }
  })();
  return {
    close: async () => {
      over = true;
      await watch;
    },
  };
}
