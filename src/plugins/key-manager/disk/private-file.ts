import { chmod, mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Fault } from '#kernel';

/** What a write that did not come to its end leaves behind; never read. */
export const STAGING = '.new';

export async function makePrivateDirectory(directory: string): Promise<void> {
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await chmod(directory, 0o700);
  } catch (cause) {
    throw new Fault('DIRECTORY_UNWRITABLE', `${directory} cannot be written`, { cause });
  }
}

/** Mode 0600. Writes beside, syncs, renames, syncs the directory: a crash leaves the old file or the new one, never half of one. */
export async function writePrivateFile(path: string, content: string | Buffer): Promise<void> {
  const staging = `${path}${STAGING}`;
  await withFile(staging, 'w', async (file) => {
    await file.writeFile(content);
    await file.sync();
  });
  await rename(staging, path);
  await withFile(dirname(path), 'r', (directory) => directory.sync());
}

export async function readOptional(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
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
