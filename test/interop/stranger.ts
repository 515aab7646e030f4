// Programs of other languages that speak to our sockets: built once a machine, asked over arguments, answering in JSON lines.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const BUILD_MILLIS = 280_000;

/** How to bring a stranger's program into a folder, and why it could not be had. */
export interface Recipe {
  readonly name: string;
  /** Files that decide what is built. */
  readonly sources: readonly string[];
  readonly steps: (folder: string) => readonly (readonly [string, readonly string[], string?])[];
}

export type Built = { readonly folder: string } | { readonly missing: string };

/** Builds, or finds what an earlier run built from the same sources. A failure is a reason to skip, told by name. */
export function build({ name, sources, steps }: Recipe): Built {
  const hash = createHash('sha256');
  for (const source of sources) hash.update(readFileSync(source));
  const parent = join(tmpdir(), `hauberk-interop-${userInfo().uid}`);
  const folder = join(parent, `${name}-${hash.digest('hex').slice(0, 12)}`);
  if (existsSync(folder)) return { folder };
  const making = `${folder}.${process.pid}`;
  mkdirSync(making, { recursive: true, mode: 0o700 });
  for (const [command, args, cwd] of steps(making)) {
    const { status, error, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8', timeout: BUILD_MILLIS });
    if (status === 0) continue;
    rmSync(making, { recursive: true });
    const why = error?.message ?? stderr.trim().split('\n').at(-1) ?? `status ${status}`;
    return { missing: `${name} is not to be had here: ${command} ${args[0]}: ${why}` };
  }
  if (!existsSync(folder)) renameSync(making, folder);
  return { folder };
}

/** What `test(..., { skip })` takes: false, or the reason. */
export function skipOf(built: Built): false | string {
  return 'missing' in built ? built.missing : false;
}

export type Answer = Readonly<Record<string, unknown>>;

/** A running stranger, read line by line. */
export class Stranger {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  #stderr = '';

  constructor(command: string, args: readonly string[], environment: NodeJS.ProcessEnv = {}) {
    this.#child = spawn(command, args, { env: { ...process.env, ...environment }, stdio: ['pipe', 'pipe', 'pipe'] });
    if (this.#child.stdout === null) throw new Error('no output');
    this.#child.stderr?.on('data', (chunk) => {
      this.#stderr += String(chunk);
    });
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  /** The next line. */
  async next(): Promise<Answer> {
    const { value, done } = await this.#lines.next();
    if (done === true) throw new Error(`the stranger ended: ${this.#stderr.slice(-2000)}`);
    return JSON.parse(value);
  }

  /** All lines until it ends. */
  async all(): Promise<readonly Answer[]> {
    const answers: Answer[] = [];
    for (;;) {
      const { value, done } = await this.#lines.next();
      if (done === true) break;
      answers.push(JSON.parse(value));
    }
    if (answers.length === 0) throw new Error(`the stranger said nothing: ${this.#stderr.slice(-2000)}`);
    return answers;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGKILL');
    await ended;
  }
}

/** Asks once and reads everything. */
export function ask(
  command: string,
  args: readonly string[],
  environment?: NodeJS.ProcessEnv,
): Promise<readonly Answer[]> {
  return new Stranger(command, args, environment).all();
}
