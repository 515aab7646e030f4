// The client of go-spiffe, built once a machine.
import { join } from 'node:path';
import { build, skipOf } from '../stranger.ts';

const here = import.meta.dirname;
const built = build({
  name: 'go-spiffe',
  sources: ['main.go', 'go.mod', 'go.sum'].map((name) => join(here, name)),
  steps: (folder) => [['go', ['build', '-o', join(folder, 'client'), '.'], here]],
});

export const skip = skipOf(built);
export const client = 'folder' in built ? join(built.folder, 'client') : '';
