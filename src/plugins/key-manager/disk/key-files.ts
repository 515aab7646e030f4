import { readdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Fault } from '#kernel';
import { isFileName, isTrustDomain } from '#spiffe';
import { makePrivateDirectory, writePrivateFile } from './private-file.ts';

/** A file of a disk key manager as it stands there: sealed, where it is sealed. */
export interface KeyFile {
  /** `<trust domain>/<file>`. */
  readonly path: string;
  readonly content: string;
}

const NAME = /^(?:[A-Za-z0-9][A-Za-z0-9._-]{0,127}\.key|seal\.json)$/;
const STAGED = '.restoring';

/** What disk key managers hold below a directory, one folder a trust domain. A key that is deleted meanwhile is left out. */
export async function* readKeyFiles(root: string): AsyncGenerator<KeyFile> {
  for (const trustDomain of await namesOf(root))
    for (const name of await namesOf(join(root, trustDomain))) {
      const path = `${trustDomain}/${name}`;
      if (!isKeyFile(path)) continue;
      const content = await readFile(join(root, path), 'utf8').catch(unlessMissing);
      if (content !== undefined) yield { path, content };
    }
}

/**
 * Puts files where no key is yet. Hands back how to let them stand, and how to take them away again. Throws `ALREADY_EXISTS`,
 * `BACKUP_INVALID` for a file of another name; letting them stand throws `DIRECTORY_UNWRITABLE`, and says what is left to do.
 */
export async function stageKeyFiles(root: string, files: readonly KeyFile[]) {
  if ((await namesOf(root)).length > 0) throw new Fault('ALREADY_EXISTS', `${root} holds keys already`);
  const staging = `${root}${STAGED}`;
  await rm(staging, { recursive: true, force: true });
  for (const { path, content } of files) {
    if (!isKeyFile(path)) throw new Fault('BACKUP_INVALID', 'the backup holds a key under a name that none has');
    await makePrivateDirectory(join(staging, dirname(path)));
    await writePrivateFile(join(staging, path), content);
  }
  return {
    keep: async (): Promise<void> => {
      try {
        await rm(root, { recursive: true, force: true });
        await rename(staging, root);
      } catch (cause) {
        const mend = `move ${staging} there before the server starts, or it makes new ones`;
        throw new Fault('DIRECTORY_UNWRITABLE', `the keys cannot be put to ${root}: ${mend}`, { cause });
      }
    },
    drop: () => rm(staging, { recursive: true, force: true }),
  };
}

function isKeyFile(path: string): boolean {
  const [trustDomain = '', name = '', ...more] = path.split('/');
  return more.length === 0 && isTrustDomain(trustDomain) && isFileName(trustDomain) && NAME.test(name);
}

async function namesOf(directory: string): Promise<readonly string[]> {
  return (await readdir(directory).catch(unlessMissing)) ?? [];
}

function unlessMissing(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR'))
    return undefined;
  throw new Fault('CONFIG_UNREADABLE', 'the keys cannot be read', { cause: error });
}
