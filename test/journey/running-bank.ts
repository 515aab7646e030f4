import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Browser } from '../../examples/bank/story/browser.ts';

const root = join(import.meta.dirname, '..', '..');
const START_MILLIS = 60_000;

/** The bank of `hauberk up`, running for one test, in a run directory of its own. */
export class RunningBank {
  readonly directory: string;
  readonly #child: ChildProcess;
  #screen = '';

  private constructor(directory: string, environment: NodeJS.ProcessEnv) {
    this.directory = directory;
    const args = [
      join(root, 'src/cli/main.ts'),
      'up',
      join(root, 'examples/bank/hauberk.yaml'),
      '--run-dir',
      join(directory, 'run'),
    ];
    this.#child = spawn(process.execPath, args, {
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream?.on('data', (chunk) => (this.#screen += String(chunk)));
  }

  static async start(environment: NodeJS.ProcessEnv = {}): Promise<RunningBank> {
    const bank = new RunningBank(mkdtempSync(join(tmpdir(), 'hb-')), environment);
    await until(
      () => bank.#screen.includes('Ctrl-C stops everything'),
      START_MILLIS,
      () => bank.#screen,
    );
    return bank;
  }

  get screen(): string {
    return this.#screen;
  }

  /** Where the edge is. */
  get origin(): string {
    return /http:\/\/bank\.localhost:\d+/.exec(this.#screen)?.[0] ?? '';
  }

  /** A fresh browser in which one of the bank's users has signed in. */
  async signIn(name: string): Promise<Browser> {
    const password = new RegExp(`${name}\\s+(\\S+)`).exec(this.#screen)?.[1] ?? '';
    const browser = new Browser();
    await browser.signIn(`${this.origin}/.hauberk/login?return=/`, { name, password });
    return browser;
  }

  /** Signs alice in with a fresh browser and reads her accounts through the whole chain. */
  async aliceReadsHerAccounts(): Promise<boolean> {
    try {
      const browser = await this.signIn('alice@bank-a');
      const answer = await browser.fetch(`${this.origin}/bank-a/me`);
      return answer.status === 200 && answer.body.includes('a-1001');
    } catch {
      return false;
    }
  }

  async heals(millis: number): Promise<void> {
    await until(
      () => this.aliceReadsHerAccounts(),
      millis,
      () => this.#screen.slice(-2000),
    );
  }

  /** Pids of this bank's processes, `up` included. */
  processes(): readonly number[] {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
      .filter(
        (pid) =>
          pid === this.#child.pid ||
          environmentOf(pid).includes(this.directory) ||
          commandOf(pid).includes(this.directory),
      );
  }

  /** The Node process that runs a module whose path ends so, or PostgreSQL's postmaster. */
  processOf(name: string): number {
    const pids = this.processes().filter((pid) => isProgram(pid) && commandOf(pid).includes(name));
    const [pid] = pids;
    assert.ok(pid !== undefined, `no process runs ${name}`);
    return pid;
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async stop(): Promise<void> {
    this.#child.kill('SIGTERM');
    await until(
      () => this.processes().length === 0,
      30_000,
      () => 'processes are left',
    );
    rmSync(this.directory, { recursive: true, force: true });
  }
}

export async function until(
  condition: () => boolean | Promise<boolean>,
  millis: number,
  why: () => string,
): Promise<void> {
  const deadline = performance.now() + millis;
  while (!(await condition())) {
    assert.ok(performance.now() < deadline, why());
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function isProgram(pid: number): boolean {
  try {
    return /\/(node|postgres)$/.test(readlinkSync(`/proc/${pid}/exe`));
  } catch {
    return false;
  }
}

export function commandOf(pid: number): string {
  return readOf(pid, 'cmdline');
}

function environmentOf(pid: number): string {
  return readOf(pid, 'environ');
}

function readOf(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1').replaceAll('\0', ' ');
  } catch {
    return '';
  }
}
