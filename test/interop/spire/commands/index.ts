import type { Script } from '../both.ts';
import { agentCommands } from './agent.ts';
import { authorityCommands } from './authority.ts';
import { bundleCommands } from './bundle.ts';
import { entryCommands } from './entry.ts';
import { federationCommands } from './federation.ts';
import { mintCommands } from './mint.ts';
import { witCommands } from './wit.ts';

/** Every `spire-server` command that talks to a server, by subject. */
export const SCRIPTS: Readonly<Record<string, Script>> = {
  ...{ agent: agentCommands, authority: authorityCommands, bundle: bundleCommands },
  ...{ entry: entryCommands, federation: federationCommands, mint: mintCommands, wit: witCommands },
};
