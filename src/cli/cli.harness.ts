import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

export interface Ran {
  readonly status: number;
  readonly out: string;
  readonly error: string;
}

/** Runs `hauberk` as a process of its own, to its end. */
export async function hauberk(...words: readonly string[]): Promise<Ran> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'main.ts'), ...words]);
  let [out, error] = ['', ''];
  child.stdout.on('data', (text) => (out += text));
  child.stderr.on('data', (text) => (error += text));
  const [status] = await once(child, 'close');
  return { status, out, error };
}
