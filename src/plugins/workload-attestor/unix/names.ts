import { readFileSync, statSync } from 'node:fs';

const MAX_BYTES = 4 * 1024 * 1024;

/** Names by number in `/etc/passwd` or `/etc/group`, read again when the file has changed. Other sources of names are not asked. */
export class NameFile {
  readonly #path: string;
  #version = '';
  #names: ReadonlyMap<string, string> = new Map();

  constructor(path: string) {
    this.#path = path;
  }

  find(id: number | string): string | undefined {
    const found = statSync(this.#path, { bigint: true, throwIfNoEntry: false });
    if (found === undefined || found.size > MAX_BYTES) return undefined;
    const version = `${found.ino} ${found.size} ${found.mtimeNs} ${found.ctimeNs}`;
    if (version !== this.#version) {
      this.#names = parse(readFileSync(this.#path, 'utf8'));
      this.#version = version;
    }
    return this.#names.get(`${id}`);
  }
}

/** The first name of a number counts, as with getpwuid(3). */
function parse(text: string): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [name, , id] = line.split(':');
    if (name !== undefined && name !== '' && id !== undefined && !names.has(id)) names.set(id, name);
  }
  return names;
}
