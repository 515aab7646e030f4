import { createWriteStream } from 'node:fs';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { Fault } from '#kernel';
import type { Child } from './child.ts';

const READY_MILLIS = 30_000;

/** Waits for the one JSON line `{"ready":true,…}` of a process; what follows on its standard output goes to its log. */
export async function readyLine(
  child: Child,
  name: string,
  logFile: string,
): Promise<Readonly<Record<string, unknown>>> {
  const { stdout } = child;
  if (stdout === undefined) throw new Fault('PROCESS_FAILED', `${name} has no standard output`);
  const lines = createInterface({ input: stdout });
  const log = createWriteStream(logFile, { flags: 'a', mode: 0o600 });
  child.exited.then(() => log.end());
  const first = new Promise<Readonly<Record<string, unknown>>>((resolve, reject) => {
    lines.on('line', (line) => {
      const message = parseLine(line);
      if (message?.ready === true) resolve(message);
      else if (message?.fault !== undefined) reject(reportedFault(name, message.fault));
      else if (log.writable) log.write(`${line}\n`);
    });
  });
  return within(first, child, name, logFile);
}

/** Waits until a loopback port accepts connections. */
export function readyPort(child: Child, name: string, port: number, logFile: string): Promise<void> {
  const state = { over: false };
  const opened = (async () => {
    while (!state.over && !(await accepts(port))) await pause(20);
  })();
  return within(opened, child, name, logFile).finally(() => {
    state.over = true;
  });
}

async function within<T>(ready: Promise<T>, child: Child, name: string, logFile: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const sentence = `${name} is not ready after ${READY_MILLIS / 1000} s; its log is ${logFile}`;
    timer = setTimeout(() => reject(new Fault('DEADLINE_EXCEEDED', sentence)), READY_MILLIS);
  });
  const ended = child.exited.then(async ({ status, signal }): Promise<never> => {
    // A fault that it reported with its last line is better than its exit status.
    await pause(50);
    throw new Fault(
      'PROCESS_FAILED',
      `${name} ended before it was ready (${signal ?? `exit status ${status}`}); its log is ${logFile}`,
    );
  });
  return Promise.race([ready, ended, late]).finally(() => clearTimeout(timer));
}

function reportedFault(name: string, fault: unknown): Fault {
  const { code, message } = Object(fault) as { code?: unknown; message?: unknown };
  return new Fault(
    typeof code === 'string' ? code : 'PROCESS_FAILED',
    `${name}: ${typeof message === 'string' ? message : 'failed'}`,
  );
}

function parseLine(line: string): Readonly<Record<string, unknown>> | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    const json: unknown = JSON.parse(line);
    return typeof json === 'object' && json !== null ? { ...json } : undefined;
  } catch {
    return undefined;
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

export function pause(millis: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, millis));
}
