import { readFile } from 'node:fs/promises';
import { Fault, Secret } from '#kernel';

/** The text of a file without its last line feed. Throws `CONFIG_UNREADABLE`. */
export async function readPassphrase(file: string): Promise<Secret> {
  try {
    const text = (await readFile(file, 'utf8')).replace(/\r?\n$/, '');
    if (text !== '') return new Secret(text);
  } catch (cause) {
    throw new Fault('CONFIG_UNREADABLE', `${file} cannot be read`, { cause });
  }
  throw new Fault('CONFIG_UNREADABLE', `${file} is empty`);
}
