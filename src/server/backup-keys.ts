import { join } from 'node:path';
import { Fault, type Secret } from '#kernel';
import { type KeyFile, readKeyFiles, Seal } from '#plugins/key-manager/disk';

/** Private keys in a backup: sealed under a passphrase of the backup's own, whatever seals them where they come from. */
export type KeyRow =
  | { readonly table: 'seal'; readonly text: string }
  | { readonly table: 'key'; readonly path: string; readonly sealed: string };

export function isKeyRow(row: { readonly table: string }): row is KeyRow {
  return row.table === 'seal' || row.table === 'key';
}

export function keyDirectory(dataDir: string): string {
  return join(dataDir, 'keys');
}

/** Keys are read after the journal that names them: what is deleted in between signs no more. */
export async function* sealedKeys(dataDir: string, passphrase: Secret): AsyncGenerator<KeyRow> {
  let made = '';
  const create = async (text: string): Promise<boolean> => {
    made = text;
    return true;
  };
  const seal = await Seal.open({ name: 'the backup', read: async () => undefined, create }, passphrase);
  yield { table: 'seal', text: made };
  for await (const { path, content } of readKeyFiles(keyDirectory(dataDir)))
    yield { table: 'key', path, sealed: seal.seal(path, Buffer.from(content)) };
}

/** Throws `KEY_UNREADABLE` for another passphrase, `BACKUP_INVALID`. */
export async function openKeys(rows: readonly KeyRow[], passphrase: Secret): Promise<readonly KeyFile[]> {
  const kept = rows.find((row) => row.table === 'seal');
  if (kept === undefined) throw new Fault('BACKUP_INVALID', 'the keys of the backup have no seal');
  const place = { name: 'the backup', read: async () => kept.text, create: async () => false };
  const seal = await Seal.open(place, passphrase);
  return rows.flatMap((row): readonly KeyFile[] => {
    if (row.table === 'seal') return [];
    const content = seal.open(row.path, row.sealed);
    if (content === undefined) throw new Fault('BACKUP_INVALID', 'a key of the backup does not open by its seal');
    return [{ path: row.path, content: content.toString() }];
  });
}
