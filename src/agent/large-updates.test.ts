import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { faultCode, LIMITS, silentLog, systemClock, systemRandom } from '#kernel';
import { createClient } from '#rpc';
import { UpdateAssembly, type WholeUpdate } from '#wire';
import { SupervisorDefinition } from '#wire/gen/hauberk_agent';
import { EnforcementPointDefinition, type WatchRequest } from '#wire/gen/hauberk_workload';
import { entry, type House, never, until, withHouse } from './agent.harness.ts';
import { startAgent } from './index.ts';

/** More than a message holds, in a few entries. */
const ENTRIES = 1000;
const fatEntry = (at: number, hint: string) => {
  const { spec, ...rest } = entry(`fat-${at}`, `unix:uid:${3_000_000 + at}`);
  const selectors = [...spec.selectors, ...['a', 'b', 'c'].map((key) => `k8s:pod-label:${key}:${'x'.repeat(1300)}`)];
  return { ...rest, spec: { ...spec, selectors, hint: `${hint}${'y'.repeat(1000)}` } };
};
const fatEntries = (hint: string): string[] =>
  Array.from({ length: ENTRIES }, (_, at) => JSON.stringify(fatEntry(at, hint)));

/** Bytes between an agent and its server; all connections break once so many have come from the server. */
class Line {
  readonly #server = createServer((near) => this.#join(near));
  readonly #to: number;
  readonly #sockets = new Set<Socket>();
  left = Number.POSITIVE_INFINITY;

  constructor(to: number) {
    this.#to = to;
  }

  async open(): Promise<number> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return Number(Object(this.#server.address()).port);
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #join(near: Socket): void {
    const far = connect(this.#to, '127.0.0.1');
    for (const [from, into] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#sockets.add(from);
      from.on('error', () => undefined);
      from.once('close', () => {
        this.#sockets.delete(from);
        into.destroy();
      });
    }
    near.pipe(far);
    far.on('data', (bytes) => {
      this.left -= bytes.length;
      if (this.left > 0) near.write(bytes);
      else for (const socket of this.#sockets) socket.destroy();
    });
  }
}

/** Another agent of bank-a, over a line of its own. */
async function withAnother(
  house: House,
  run: (another: {
    line: Line;
    state: () => Promise<readonly [string, bigint]>;
    mine: () => Promise<number>;
  }) => Promise<void>,
): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'another-'));
  const line = new Line(house.server.sync.port);
  const port = await line.open();
  const { token, bundleJson } = await house.joinMaterial('bank-a');
  const adminSocket = join(directory, 'a.sock');
  const agent = await startAgent({
    node: 'another',
    ...{ workloadSocket: join(directory, 'w.sock'), adminSocket },
    server: { host: '127.0.0.1', port },
    trustDomains: [{ name: 'bank-a', joinToken: token, bundle: JSON.parse(bundleJson) }],
    ...{ clock: systemClock, random: systemRandom, log: silentLog },
  });
  const supervisor = createClient(SupervisorDefinition, { socketPath: adminSocket });
  const state = async (): Promise<readonly [string, bigint]> => {
    const [one] = (await supervisor.status({})).trustDomains;
    return [one?.state ?? '', one?.revision ?? 0n];
  };
  try {
    const mine = async () => (await supervisor.explain({ pid: process.pid })).matching.length;
    await run({ line, state, mine });
  } finally {
    await supervisor.close();
    await agent.close();
    line.close();
    rmSync(directory, { recursive: true });
  }
}

const bankA = async ({ admin }: House) => (await admin.status({})).trustDomains.find(({ name }) => name === 'bank-a');
/** Both agents have applied what stands now. */
const allApplied = (house: House, agents: number): Promise<void> =>
  until(async () => {
    const found = await bankA(house);
    const applied = found?.connected.filter(({ acknowledged }) => acknowledged === found.revision) ?? [];
    return applied.length === agents;
  });

test('more entries than a message holds reach an agent, whole and as a change; cut off on the way, what it had stands', () =>
  withHouse(async (house) => {
    const { admin } = house;
    const documentsJson = fatEntries('one');
    assert.ok(documentsJson.join('').length > LIMITS.grpcMessageBytes.value);
    await admin.apply({ documentsJson, dryRun: false });
    await allApplied(house, 1);
    await withAnother(house, async ({ line, state, mine }) => {
      await allApplied(house, 2);
      assert.equal(await mine(), 1);
      const [, before] = await state();
      line.left = 2 * 1024 * 1024;
      // All of them change, and so does the entry of this process.
      const gone = JSON.stringify(entry('service', 'unix:uid:4000000001'));
      await admin.apply({ documentsJson: [...fatEntries('two'), gone], dryRun: false });
      await until(async () => line.left <= 0 && (await state())[0] === 'connecting');
      assert.deepEqual(await state(), ['connecting', before]);
      assert.equal(await mine(), 1);
      line.left = Number.POSITIVE_INFINITY;
      await allApplied(house, 2);
      assert.equal(await mine(), 0);
    });
  }));

test('more than a message holds reaches an enforcement point that takes parts, and none that does not', () =>
  withHouse(async ({ admin, workload }) => {
    const service = (at: number) => ({
      apiVersion: 'hauberk.dev/v1',
      kind: 'Service',
      metadata: { name: `s${at}`, namespace: 'bank-a', trustDomain: 'bank-a' },
      spec: {
        spiffeId: 'spiffe://bank-a/service',
        protocol: 'http',
        labels: { about: 'x'.repeat(100_000) },
        endpoints: [{ host: 'localhost', port: 1 }],
      },
    });
    const documentsJson = Array.from({ length: 50 }, (_, at) => JSON.stringify(service(at)));
    const { problems } = await admin.apply({ documentsJson, dryRun: false });
    assert.deepEqual(problems, []);
    const watch = async (takesParts: boolean): Promise<WholeUpdate | undefined> => {
      async function* requests(): AsyncGenerator<WatchRequest> {
        yield { acknowledge: undefined, takesParts };
        yield* never();
      }
      const assembly = new UpdateAssembly();
      for await (const { update } of workload(EnforcementPointDefinition).watch(requests())) {
        const whole = update === undefined ? undefined : assembly.take(update);
        if (whole?.trustDomain === 'bank-a' && whole.upserts.some(({ kind }) => kind === 'Service')) return whole;
      }
      return undefined;
    };
    const services = (await watch(true))?.upserts.filter(({ kind }) => kind === 'Service');
    assert.equal(services?.length, 50);
    await assert.rejects(watch(false), (error) => faultCode(error) === 'LIMIT_EXCEEDED');
  }));
