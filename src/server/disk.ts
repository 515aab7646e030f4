import { constants } from 'node:fs';
import { access, statfs } from 'node:fs/promises';
import { Fault, LIMITS } from '#kernel';

/** What keeps a directory from being written: no room, or a file system that is read-only. Writes nothing to find out. */
export async function diskTrouble(directory: string): Promise<Fault | undefined> {
  try {
    await access(directory, constants.W_OK);
    const { bavail, bsize } = await statfs(directory);
    if (bavail * bsize >= LIMITS.diskFreeBytes.value) return undefined;
  } catch (cause) {
    return new Fault('DIRECTORY_UNWRITABLE', 'the directory of the store cannot be written', { cause });
  }
  return new Fault('DISK_FULL', 'the disk of the store is full');
}
