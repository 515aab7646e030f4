// One command to a stock server and to ours, and what each made of it.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { withSpire } from '../../../src/server/spire/spire.harness.ts';
import { normalise } from './normalise.ts';
import { type Ran, run } from './stock.ts';
import { type Upstairs, upstairs } from './stock-agent.ts';
import { withStockServer } from './stock-server.ts';

/** What one side makes of a command where the other makes something else of it. */
export interface Answer {
  readonly code: number;
  readonly output: RegExp;
}

export interface Step {
  /** `{name}` stands for what an earlier step kept, `{files}/name` for a file of the script. */
  readonly run: readonly string[];
  /** Values of this answer that later steps use: the first group of each pattern. */
  readonly keep?: Readonly<Record<string, RegExp>>;
  /** File that the output is written to, as well. */
  readonly save?: string;
  /** Allowed difference: why, and exactly what each side answers. */
  readonly differs?: { readonly why: string; readonly stock: Answer; readonly ours: Answer };
}

/** A step whose answers differ, for a reason: exit code and a part of the output of each side. */
export const differs = (
  run: readonly string[],
  why: string,
  stock: readonly [code: number, output: RegExp],
  ours: readonly [code: number, output: RegExp],
): Step => ({
  run,
  differs: { why, stock: { code: stock[0], output: stock[1] }, ours: { code: ours[0], output: ours[1] } },
});

export interface Script {
  /** `spire-server` where nothing else is said. */
  readonly program?: 'spire-server' | 'spire-agent';
  /** More of the stock server's HCL. */
  readonly server?: string;
  /** Files that commands read. */
  readonly files?: Readonly<Record<string, string>>;
  readonly steps: readonly Step[];
}

export interface Side extends Upstairs {
  readonly name: 'stock' | 'ours';
  readonly socket: string;
}

/** A stock server and ours, both fresh, both of trust domain `bank-a`. */
export async function withBoth(use: (stock: Side, ours: Side) => Promise<void>, server = ''): Promise<void> {
  await withStockServer({ trustDomain: 'bank-a', server }, (stock) =>
    withSpire(async (spire) => {
      const socket = spire.server.spire('bank-a')?.socket ?? '';
      await use({ ...stock, name: 'stock' }, { ...upstairs(spire), socket, name: 'ours' });
    }),
  );
}

/** Runs a script on both sides, each in its own folder, and holds every answer of ours to the stock server's. */
export async function compare(
  script: Script,
  stock: { readonly socket: string },
  ours: { readonly socket: string },
): Promise<void> {
  const [theirs, own] = await Promise.all([play(script, stock.socket), play(script, ours.socket)]);
  const problems: string[] = [];
  for (const [index, step] of script.steps.entries()) {
    const [expected, actual] = [theirs[index], own[index]];
    assert.ok(expected !== undefined && actual !== undefined);
    const problem = step.differs === undefined ? unlike(expected, actual) : unexpected(step.differs, expected, actual);
    if (problem !== undefined) problems.push(`${script.program ?? 'spire-server'} ${step.run.join(' ')}\n${problem}`);
  }
  assert.equal(problems.length, 0, `\n${problems.join('\n\n')}`);
}

function unlike(stock: Ran, ours: Ran): string | undefined {
  const [expected, actual] = [normalise(stock.output), normalise(ours.output)];
  if (stock.code === ours.code && expected === actual) return undefined;
  return `stock (${stock.code}): ${expected}\nours  (${ours.code}): ${actual}`;
}

function unexpected({ stock, ours }: NonNullable<Step['differs']>, theirs: Ran, own: Ran): string | undefined {
  const holds = ({ code, output }: Answer, ran: Ran): boolean => code === ran.code && output.test(ran.output);
  if (!holds(stock, theirs))
    return `the stock server answers otherwise than the table says (${theirs.code}): ${theirs.output}`;
  return holds(ours, own) ? undefined : `ours answers otherwise than the table says (${own.code}): ${own.output}`;
}

/** Runs a script on one socket. */
export async function play(
  { files = {}, steps, program = 'spire-server' }: Script,
  socket: string,
  done: (step: Step) => void = () => {},
): Promise<readonly Ran[]> {
  const folder = mkdtempSync(join(tmpdir(), 'play-'));
  const kept: Record<string, string> = { files: folder };
  try {
    for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
    const answers: Ran[] = [];
    for (const step of steps) {
      const { run: args, keep = {}, save } = step;
      const filled = args.map((arg) => arg.replace(/\{(\w+)\}/g, (whole, name) => kept[name] ?? whole));
      const env = { SPIRE_SERVER_FFLAGS: 'wit-svid' };
      const ran = await run(program, [...filled, '-socketPath', socket], env);
      for (const [name, pattern] of Object.entries(keep)) kept[name] = pattern.exec(ran.output)?.[1] ?? '';
      if (save !== undefined) writeFileSync(join(folder, save), ran.output);
      done(step);
      answers.push({ code: ran.code, output: ran.output.replaceAll(folder, '<files>') });
    }
    return answers;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
