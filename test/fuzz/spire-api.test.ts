// Every method of SPIRE's server API, fed with bytes that are no message, messages of random fields, and messages cut short: each is answered with
// a status that is the caller's fault, and the server goes on.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Fault } from '#kernel';
import type { MessageType, ServiceDefinition } from '#wire';
import { HealthDefinition, HealthCheckResponse_ServingStatus as Serving } from '#wire/gen/health';
import { AgentDefinition } from '#wire/gen/spire/api/server/agent';
import { BundleDefinition } from '#wire/gen/spire/api/server/bundle';
import { EntryDefinition } from '#wire/gen/spire/api/server/entry';
import { LocalAuthorityDefinition } from '#wire/gen/spire/api/server/localauthority';
import { LoggerDefinition } from '#wire/gen/spire/api/server/logger';
import { SVIDDefinition } from '#wire/gen/spire/api/server/svid';
import { TrustDomainDefinition } from '#wire/gen/spire/api/server/trustdomain';
import { type Identity, type Spire, withSpire } from '../../src/server/spire/spire.harness.ts';

const DEFINITIONS: readonly ServiceDefinition[] = [
  AgentDefinition,
  BundleDefinition,
  EntryDefinition,
  LocalAuthorityDefinition,
  LoggerDefinition,
  SVIDDefinition,
  TrustDomainDefinition,
];
const RUNS = 25;
/** UNKNOWN, INTERNAL, UNAVAILABLE: nobody's fault but the server's. */
const OUR_FAULT: readonly unknown[] = [2, 13, 14];

/** Sends bytes as they are. */
const RAW: MessageType<Uint8Array> = {
  encode: (message) => ({ finish: () => message }) as ReturnType<MessageType<Uint8Array>['encode']>,
  decode: (input) => (input instanceof Uint8Array ? input : new Uint8Array()),
};

/** Fields of random numbers and kinds, whose contents are bytes, texts that mean something here, or fields again. */
const { message } = fc.letrec<{ message: Buffer; field: Buffer; content: Buffer }>((tie) => ({
  message: fc.array(tie('field'), { maxLength: 5 }).map((fields) => Buffer.concat(fields)),
  field: fc.oneof(
    fc
      .tuple(fc.integer({ min: 1, max: 17 }), tie('content'))
      .map(([n, content]) => Buffer.concat([varint((n << 3) | 2), varint(content.length), content])),
    fc
      .tuple(fc.integer({ min: 1, max: 17 }), fc.nat())
      .map(([n, value]) => Buffer.concat([varint(n << 3), varint(value)])),
  ),
  content: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc
      .constantFrom('bank-a', '/web', '/spire/agent/x', 'unix', 'uid:1', '', 'spiffe://bank-a', 'a'.repeat(300))
      .map((text) => Buffer.from(text)),
    fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
    tie('message'),
  ),
}));
const input = fc.oneof(
  message,
  fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
  message.map((bytes) => bytes.subarray(0, bytes.length - 1)),
);

for (const caller of ['operator', 'agent'] as const)
  test(`whatever an ${caller} sends, the server answers and goes on`, () =>
    withSpire(async (spire) => {
      const identity = caller === 'agent' ? await spire.attest('/node/one') : undefined;
      for (const definition of DEFINITIONS) {
        for (const [key, method] of Object.entries(definition.methods)) {
          const call = rawCall(spire, { definition, key }, identity);
          await fc.assert(
            fc.asyncProperty(input, async (bytes) => {
              const status = await call(bytes);
              assert.ok(!OUR_FAULT.includes(status), `${method.name} answers ${status}`);
            }),
            { numRuns: RUNS, seed: 42 },
          );
        }
      }
      assert.deepEqual(await spire.local(HealthDefinition).check({ service: '' }), { status: Serving.SERVING });
    }));

/** Calls one method with raw bytes; gives the status. */
function rawCall(
  spire: Spire,
  { definition, key }: { readonly definition: ServiceDefinition; readonly key: string },
  identity: Identity | undefined,
): (bytes: Uint8Array) => Promise<unknown> {
  const method = definition.methods[key];
  assert.ok(method !== undefined);
  const raw = { ...definition, methods: { [key]: { ...method, requestType: RAW, responseType: RAW } } };
  const client: Record<string, unknown> = identity === undefined ? spire.local(raw) : spire.tls(raw, identity);
  return async (bytes) => {
    const handle = client[key];
    assert.ok(typeof handle === 'function');
    try {
      if (method.responseStream) for await (const _ of handle(once(bytes)));
      else await handle(bytes);
      return 0;
    } catch (error) {
      return error instanceof Fault ? error.details.grpcStatus : error;
    }
  };
}

async function* once<T>(value: T): AsyncGenerator<T> {
  yield value;
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 0x7f) {
    bytes.push((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  return Buffer.from([...bytes, rest]);
}
