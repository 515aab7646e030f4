import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Fault, silentLog } from '#kernel';
import { bindService, serveUnix } from '#rpc';
import { connectWorkload } from '#sdk';
import { SpiffeWorkloadAPIDefinition } from '#wire/gen/workloadapi';

/** Runs with a directory for sockets, and removes it. */
async function inDirectory(run: (directory: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'endpoint-'));
  try {
    await run(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** A Workload API that counts its calls and refuses them all. */
async function refusing(
  directory: string,
  code: string,
  run: (calls: () => readonly (readonly string[])[], path: string) => Promise<void>,
): Promise<void> {
  const calls: (readonly string[])[] = [];
  // biome-ignore lint/correctness/useYield: a stream that refuses before its first message
  const refuse = async function* (
    _: unknown,
    { metadata }: { metadata: { all: (name: string) => readonly string[] } },
  ): AsyncGenerator<never> {
    calls.push(metadata.all('workload.spiffe.io'));
    throw new Fault(code, 'refused');
  };
  const fail = async (): Promise<never> => {
    throw new Fault(code, 'refused');
  };
  const handlers = {
    fetchX509SVID: refuse,
    fetchX509Bundles: refuse,
    fetchJWTBundles: refuse,
    fetchWITSVID: refuse,
    fetchWITBundles: refuse,
    fetchJWTSVID: fail,
    validateJWTSVID: fail,
  };
  const path = join(directory, 'w.sock');
  const services = [bindService(SpiffeWorkloadAPIDefinition, handlers)];
  const server = await serveUnix({ path, mode: 0o777, log: silentLog, identify: (one) => one, services });
  await run(() => calls, path);
  await server.close();
}

test('E-3 a client sends the metadata with every request, and repeats what failed for another reason', () =>
  inDirectory((directory) =>
    refusing(directory, 'IDENTITY_UNAVAILABLE', async (calls, socketPath) => {
      await assert.rejects(connectWorkload({ socketPath, timeoutMillis: 700 }));
      assert.ok(calls().length > 1);
      for (const values of calls()) assert.deepEqual(values, ['true']);
    }),
  ));

test('E-3 a client does not repeat what was refused as InvalidArgument', () =>
  inDirectory((directory) =>
    refusing(directory, 'IDENTITY_HEADER_MISSING', async (calls, socketPath) => {
      await assert.rejects(connectWorkload({ socketPath, timeoutMillis: 700 }));
      assert.equal(calls().length, 1);
    }),
  ));
