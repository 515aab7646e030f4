// `npm run generate`: wire messages from src/wire/proto, reference pages from the tables in the code.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { writeDescriptors } from './descriptors.ts';
import { referencePages, writePages } from './reference.ts';
import { specCoveragePage } from './spec-coverage.ts';

const root = join(import.meta.dirname, '..');
const path = `${join(process.execPath, '..')}:${process.env.PATH ?? ''}`;
const env = { ...process.env, PATH: path };
const buf = spawnSync(join(root, 'node_modules/.bin/buf'), ['generate'], { cwd: root, stdio: 'inherit', env });
if (buf.status !== 0 || !writeDescriptors(root, env)) process.exit(1);
writePages(root, [...referencePages(), specCoveragePage()]);
