import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  globSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { dirname, join } from 'node:path';

const KEPT = 4;

/**
 * A copy of the source with its types stripped, named after its content: stripping costs 29 MB and much of the start in every
 * process. It lies in `node_modules/.cache`, where packages are found as from the source; in `fallback` where that cannot be
 * written. Returns the copy's root; relative paths below it are those of `root`, with `.js` for `.ts`.
 */
export function strippedCopy(root: string, fallback: string): string {
  if (import.meta.filename.endsWith('.js')) return root;
  const files = sourceFiles(root);
  const hash = hashOf(root, files);
  const cache = join(root, 'node_modules', '.cache', 'hauberk');
  try {
    return make(root, files, cache, hash);
  } catch {
    mkdirSync(fallback, { recursive: true, mode: 0o700 });
    const modules = join(fallback, 'node_modules');
    rmSync(modules, { force: true });
    symlinkSync(join(root, 'node_modules'), modules);
    return make(root, files, fallback, hash);
  }
}

function sourceFiles(root: string): readonly string[] {
  const exclude = (path: string): boolean => /(^|\/)(node_modules|testdata)(\/|$)|\.test\.ts$|\.proto$/.test(path);
  return ['package.json', ...globSync(['src/**/*', 'examples/**/*'], { cwd: root, exclude })]
    .filter((file) => statSync(join(root, file)).isFile())
    .sort();
}

function hashOf(root: string, files: readonly string[]): string {
  const hash = createHash('sha256').update(`2 ${process.version}\n`);
  for (const file of files)
    hash
      .update(`${file}\0`)
      .update(readFileSync(join(root, file)))
      .update('\0');
  return hash.digest('hex').slice(0, 16);
}

function make(root: string, files: readonly string[], cache: string, hash: string): string {
  const target = join(cache, hash);
  if (existsSync(target)) return target;
  const building = `${target}.${process.pid}`;
  rmSync(building, { recursive: true, force: true });
  for (const file of files) write(root, building, file);
  // `hauberk/sdk`, as the examples import it, is the copy itself.
  mkdirSync(join(building, 'node_modules'));
  symlinkSync('..', join(building, 'node_modules', 'hauberk'));
  try {
    renameSync(building, target);
  } catch (error) {
    rmSync(building, { recursive: true, force: true });
    if (!existsSync(target)) throw error;
  }
  forget(cache, hash);
  return target;
}

function write(root: string, target: string, file: string): void {
  const out = join(target, file.replace(/\.ts$/, '.js'));
  mkdirSync(dirname(out), { recursive: true });
  if (file.endsWith('.ts')) writeFileSync(out, strip(readFileSync(join(root, file), 'utf8')));
  else if (file.endsWith('package.json')) writeFileSync(out, mapped(readFileSync(join(root, file), 'utf8')));
  else copyFileSync(join(root, file), out);
}

/** Types become spaces, so lines and columns stay those of the source; specifiers of our own files follow their new names. */
export function strip(text: string): string {
  const code = quietly(() => stripTypeScriptTypes(text, { mode: 'strip' }));
  return code.replaceAll(/(['"])(\.{1,2}\/[^'"\n]*)\.ts\1/g, '$1$2.js$1');
}

/** Node warns once that stripping is experimental; a person who starts a bank cannot do anything about it. */
function quietly<T>(action: () => T): T {
  const { emitWarning } = process;
  process.emitWarning = () => {};
  try {
    return action();
  } finally {
    process.emitWarning = emitWarning;
  }
}

function mapped(text: string): string {
  return text.replaceAll(/\.ts"/g, '.js"');
}

/** Keeps the newest copies only: an `up` that still runs may use one that is not the newest. */
function forget(cache: string, hash: string): void {
  const old = readdirSync(cache)
    .filter((name) => /^[0-9a-f]{16}$/.test(name) && name !== hash)
    .map((name) => ({ path: join(cache, name), at: statSync(join(cache, name)).mtimeMs }))
    .sort((a, b) => b.at - a.at)
    .slice(KEPT);
  for (const { path } of old) rmSync(path, { recursive: true, force: true });
}
