import assert from 'node:assert/strict';
import {
  cpSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { silentLog, systemClock, systemRandom } from '#kernel';
import { type RunningUp, readUpEnvironment, startUp } from '#up';
import { Browser } from '../../examples/bank/story/browser.ts';
import { strip } from '../../src/up/stripped-copy.ts';
import type { RemovedCheck } from './removed-checks.ts';
import { commandOf, until } from './running-bank.ts';

const root = join(import.meta.dirname, '..', '..');
const BACK_MILLIS = 30_000;
const SETTLE_MILLIS = 5_000;
const ROUTES = [
  ['alice@bank-a', '/bank-a/profile', '/bank-a/accounts', '/insider/headers'],
  ['bob@bank-b', '/bank-b/ledger'],
] as const;
/** Shorter than the story's own: it waits for tokens to end, and for receipts that a removed check keeps away. */
const SHORTER = [
  ['examples/bank/edge.yaml', 'txnToken: { lifetime: 10s }', 'txnToken: { lifetime: 5s }'],
  ['examples/bank/story/record.ts', 'const LEDGER_MILLIS = 10_000;', 'const LEDGER_MILLIS = 3_000;'],
] as const;

export interface Told {
  readonly denials: readonly { readonly name: string; readonly ok: boolean; readonly observed: string }[];
  readonly failures: readonly string[];
}

/** A copy of source and examples, with `node_modules` beside it that hold no cache of anybody else's. */
export function copyOfTheSource(directory: string): string {
  const copy = join(directory, 'copy');
  for (const part of ['src', 'examples', 'package.json'])
    cpSync(join(root, part), join(copy, part), { recursive: true });
  mkdirSync(join(copy, 'node_modules'));
  for (const name of readdirSync(join(root, 'node_modules')).filter((one) => !one.startsWith('.')))
    symlinkSync(join(root, 'node_modules', name), join(copy, 'node_modules', name));
  for (const [file, before, after] of SHORTER) {
    const text = readFileSync(join(copy, file), 'utf8');
    assert.ok(text.includes(before), file);
    writeFileSync(join(copy, file), text.replace(before, after));
  }
  return copy;
}

/** The source of a file without a check of it, which must stand there once. */
export function without(copy: string, { file, check, without: rest, rule }: RemovedCheck): string {
  const parts = readFileSync(join(copy, file), 'utf8').split(check);
  assert.equal(parts.length, 2, `the check "${rule}" stands ${parts.length - 1} times in ${file}`);
  return parts.join(rest);
}

/** One running bank from which checks are taken out, one after another: only the processes that hold them are started again. */
export class PatchedBank {
  readonly #directory: string;
  readonly #copy: string;
  readonly #up: RunningUp;
  readonly #said: string[];
  #removed: { readonly check: RemovedCheck; readonly original: string } | undefined;

  private constructor(directory: string, copy: string, up: RunningUp, said: string[]) {
    this.#directory = directory;
    this.#copy = copy;
    this.#up = up;
    this.#said = said;
  }

  static async start(): Promise<PatchedBank> {
    const directory = mkdtempSync(join(tmpdir(), 'hbp-'));
    const copy = copyOfTheSource(directory);
    const said: string[] = [];
    const up = await startUp({
      file: join(copy, 'examples/bank/hauberk.yaml'),
      root: copy,
      check: true,
      runDirectory: join(directory, 'run'),
      environment: readUpEnvironment(),
      clock: systemClock,
      random: systemRandom,
      log: silentLog,
      say: (line) => void said.push(line),
    });
    return new PatchedBank(directory, copy, up, said);
  }

  /** Puts the check that is out back, and takes another one out. */
  async remove(check: RemovedCheck | undefined): Promise<void> {
    const before = this.#removed;
    const changed = [...new Set([...(before?.check.heldBy ?? []), ...(check?.heldBy ?? [])])];
    if (before !== undefined) this.#write(before.check.file, before.original);
    this.#removed = check && { check, original: readFileSync(join(this.#copy, check.file), 'utf8') };
    if (check !== undefined) this.#write(check.file, without(this.#copy, check));
    await this.#restart(changed);
  }

  /** Plays the story, as `hauberk up --check` does. */
  async play(): Promise<Told> {
    const module = await import(pathToFileURL(join(this.#copy, 'examples/bank/check.ts')).href);
    return module.default(this.#up.checkContext);
  }

  async close(): Promise<void> {
    await this.#up.close();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  /** Where processes read it: the schema from the copy, code from the copy that is stripped of types. */
  #write(file: string, text: string): void {
    if (file.endsWith('.ts')) writeFileSync(this.#strippedPath(file), strip(text));
    else writeFileSync(join(this.#copy, file), text);
  }

  #strippedPath(file: string): string {
    const [path] = globSync(join(this.#copy, 'node_modules/.cache/hauberk/*', file.replace(/\.ts$/, '.js')));
    assert.ok(path !== undefined, `${file} is part of what runs`);
    return path;
  }

  async #restart(names: readonly string[]): Promise<void> {
    const before = this.#said.length;
    for (const pid of names.flatMap((name) => this.#leadersOf(name))) process.kill(pid, 'SIGKILL');
    const back = (name: string): boolean => this.#said.slice(before).includes(`${name} is back`);
    await until(
      () => names.every(back),
      BACK_MILLIS,
      () => this.#said.slice(before).join('\n'),
    );
    await this.#settle();
  }

  /** Shells that lead a process of this bank, by the name that `up` gave it: with them goes what they lead. */
  #leadersOf(name: string): readonly number[] {
    const pids = readdirSync('/proc').filter((pid) => /^\d+$/.test(pid));
    const leaders = pids.map(Number).filter((pid) => {
      const words = commandOf(pid).split(' ');
      return words.includes(`hauberk-${name}`) && words.some((word) => word.startsWith(this.#directory));
    });
    assert.ok(leaders.length > 0, `"${name}" runs`);
    return leaders;
  }

  /** Until kept connections to what was started again are gone. Without some checks nobody can sign in: the story says so then. */
  async #settle(): Promise<void> {
    const deadline = performance.now() + SETTLE_MILLIS;
    for (const [name, ...paths] of ROUTES) {
      const browser = await this.#signIn(name);
      while (performance.now() < deadline && !(await this.#answers(browser, paths)))
        await new Promise((next) => setTimeout(next, 100));
    }
  }

  /** Once: the edge counts sign-ins. */
  async #signIn(name: string): Promise<Browser> {
    const { edge, users = [] } = this.#up.checkContext ?? {};
    const browser = new Browser();
    const user = users.find((one) => one.name === name);
    if (user !== undefined) await browser.signIn(`${edge?.http}/.hauberk/login?return=/`, user).catch(() => undefined);
    return browser;
  }

  async #answers(browser: Browser, paths: readonly string[]): Promise<boolean> {
    try {
      for (const path of paths) {
        const { status } = await browser.fetch(`${this.#up.checkContext?.edge.http}${path}`);
        if (status !== 200) return false;
      }
      return true;
    } catch {
      return false;
    }
  }
}
