import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import type { Forged } from '../../forge/certificate.ts';

export interface PathCase {
  readonly rule: string;
  /** Leaf first. */
  readonly chain: readonly Forged['der'][];
  readonly roots: readonly Forged['der'][];
  readonly at: number;
  readonly purpose?: 'server' | 'client';
}

export interface GoAnswer {
  readonly parsed: boolean;
  readonly ok: boolean;
  readonly error?: string;
}

/** False when there is a Go toolchain, else why the test is skipped. */
export const goMissing: false | string =
  spawnSync('go', ['version']).status === 0 ? false : 'Go is not installed: install golang to compare with crypto/x509';

/** Asks Go's crypto/x509 about every case, in one process. */
export function askGo(cases: readonly PathCase[]): readonly GoAnswer[] {
  const lines = cases.map(({ chain, roots, at, purpose }) =>
    JSON.stringify({
      chain: chain.map((der) => der.toString('base64')),
      roots: roots.map((der) => der.toString('base64')),
      at,
      purpose: purpose ?? '',
    }),
  );
  const { status, stdout, stderr } = spawnSync('go', ['run', join(import.meta.dirname, 'verify.go')], {
    input: `${lines.join('\n')}\n`,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  if (status !== 0) throw new Error(`go run failed: ${stderr}`);
  const answers = stdout
    .trim()
    .split('\n')
    .map((line): GoAnswer => JSON.parse(line));
  if (answers.length !== cases.length)
    throw new Error(`asked ${cases.length} questions, got ${answers.length} answers`);
  return answers;
}
