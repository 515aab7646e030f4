import { mkdirSync, type Stats, statSync } from 'node:fs';
import { chmod, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Fault, isFault } from '#kernel';

/** What a write that did not come to its end leaves behind; never read. */
export const STAGING = '.new';

export async function makePrivateDirectory(directory: string): Promise<void> {
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    assertOwn(directory, statSync(directory));
    await chmod(directory, 0o700);
  } catch (cause) {
    throw isFault(cause) ? cause : unwritable(directory, cause);
  }
}

/**
 * Makes a directory for data, or takes one that nobody else can put files into: who owns it, or may write there, would have us read and write
 * what they like. Throws `DIRECTORY_UNWRITABLE`.
 */
export function makeDataDirectory(directory: string): void {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const stats = statSync(directory);
    assertOwn(directory, stats);
    if ((stats.mode & 0o022) !== 0)
      throw new Fault(
        'DIRECTORY_UNWRITABLE',
        `others may write to ${directory}: name a directory below it, or take the right from them`,
      );
  } catch (cause) {
    throw isFault(cause) ? cause : unwritable(directory, cause);
  }
}

function assertOwn(path: string, { uid }: Stats): void {
  if (!isOwn(uid))
    throw new Fault(
      'DIRECTORY_UNWRITABLE',
      `${path} belongs to uid ${uid}, and this process is uid ${process.geteuid?.()}`,
    );
}

/** This process's user, and root, who may do everything anyway. */
function isOwn(uid: number): boolean {
  return uid === 0 || uid === process.geteuid?.();
}

function unwritable(directory: string, cause: unknown): Fault {
  return new Fault('DIRECTORY_UNWRITABLE', `${directory} cannot be written`, { cause });
}

/** Mode 0600. Writes beside, syncs, renames, syncs the directory: a crash leaves the old file or the new one, never half of one. */
export async function writePrivateFile(path: string, content: string | Buffer): Promise<void> {
  const staging = `${path}${STAGING}`;
  // Made anew: a link or a file of somebody else that stands there already would be written through.
  await rm(staging, { force: true });
  await withFile(staging, 'wx', async (file) => {
    await file.writeFile(content);
    await file.sync();
  });
  await rename(staging, path);
  await withFile(dirname(path), 'r', (directory) => directory.sync());
}

/** Undefined where there is none. One that another user has put there is refused with `CONFIG_UNREADABLE`. */
export async function readOptional(path: string): Promise<string | undefined> {
  try {
    const file = await open(path, 'r');
    try {
      if (!isOwn((await file.stat()).uid)) throw new Fault('CONFIG_UNREADABLE', `${path} belongs to another user`);
      return await file.readFile('utf8');
    } finally {
      await file.close();
    }
  } catch (error) {
    if (isFault(error)) throw error;
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw new Fault('CONFIG_UNREADABLE', `${path} cannot be read`, { cause: error });
  }
}

async function withFile(
  path: string,
  flags: string,
  use: (file: Awaited<ReturnType<typeof open>>) => Promise<void>,
): Promise<void> {
  const file = await open(path, flags, 0o600);
  try {
    await use(file);
  } finally {
    await file.close();
  }
}
