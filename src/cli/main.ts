import { existsSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { join } from 'node:path';

// Stripping types and compiling is most of what a short command costs. Whoever may write here may change the code itself.
const modules = join(import.meta.dirname, '..', '..', 'node_modules');
if (existsSync(modules)) enableCompileCache(join(modules, '.cache', 'hauberk', 'compiled'));

const { runCommandLine } = await import('./program.ts');

process.exitCode = await runCommandLine(process.argv);
