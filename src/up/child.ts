import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { Fault } from '#kernel';
import { LEASE_SCRIPT } from './lease.ts';

export interface ChildOptions {
  readonly name: string;
  readonly command: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** Where standard error goes, and standard output too unless it is captured. Absent: this process's own. */
  readonly logFile?: string;
  /** `capture`: `stdout` is readable here. */
  readonly stdout?: 'log' | 'capture' | 'inherit';
  readonly stdin?: 'none' | 'pipe' | 'inherit';
}

export interface Exit {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A program in a session of its own, held by a lease: it cannot outlive this process. */
export interface Child {
  readonly pid: number;
  readonly stdout: Readable | undefined;
  readonly stdin: Writable | undefined;
  readonly exited: Promise<Exit>;
  /** Lets the program run. */
  go(): void;
  /** TERM to the group, KILL after the grace; resolves when the leader has ended. */
  stop(graceMillis?: number): Promise<void>;
}

const GRACE_MILLIS = 5000;

export async function spawnChild(options: ChildOptions): Promise<Child> {
  const log = options.logFile === undefined ? undefined : openSync(options.logFile, 'a', 0o600);
  try {
    const child = spawn('/bin/sh', ['-c', LEASE_SCRIPT, `hauberk-${options.name}`, ...options.command], {
      cwd: options.cwd,
      env: { ...options.env },
      detached: true,
      stdio: [inputOf(options), outputOf(options, log), log ?? 'inherit', 'pipe'],
    });
    return await started(child, options.name);
  } finally {
    if (log !== undefined) closeSync(log);
  }
}

function inputOf({ stdin }: ChildOptions): 'ignore' | 'pipe' | 'inherit' {
  return stdin === undefined || stdin === 'none' ? 'ignore' : stdin;
}

function outputOf({ stdout }: ChildOptions, log: number | undefined): number | 'pipe' | 'inherit' {
  return stdout === 'capture' ? 'pipe' : stdout === 'inherit' ? 'inherit' : (log ?? 'inherit');
}

async function started(process_: ChildProcess, name: string): Promise<Child> {
  await new Promise<void>((resolve, reject) => {
    process_.once('spawn', resolve);
    process_.once('error', (cause) => reject(new Fault('PROCESS_FAILED', `${name} cannot be started`, { cause })));
  });
  const pid = process_.pid ?? 0;
  const lease = process_.stdio[3] as Writable;
  lease.on('error', () => {});
  process_.stdin?.on('error', () => {});
  const exited = new Promise<Exit>((resolve) => {
    process_.once('exit', (status, signal) => {
      // The leader may have been killed alone: its group goes with it.
      signalGroup(pid, 'SIGKILL');
      lease.destroy();
      resolve({ status, signal });
    });
  });
  return {
    pid,
    stdout: process_.stdout ?? undefined,
    stdin: process_.stdin ?? undefined,
    exited,
    go: () => void lease.write('go\n'),
    stop: async (graceMillis = GRACE_MILLIS) => {
      signalGroup(pid, 'SIGTERM');
      const timer = setTimeout(() => signalGroup(pid, 'SIGKILL'), graceMillis);
      // A leader that was never let go waits for its line: the closed lease ends it.
      lease.end();
      await exited;
      clearTimeout(timer);
    },
  };
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // The group is gone already.
  }
}
