// What the fuzzers of our services send: bytes as they are, and messages of random fields.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Fault } from '#kernel';
import type { MessageType, ServiceDefinition } from '#wire';

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
/** Messages, messages cut short, and rubbish. */
export const input = fc.oneof(
  message,
  fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
  message.map((bytes) => bytes.subarray(0, bytes.length - 1)),
);

/** UNKNOWN, INTERNAL, UNAVAILABLE: nobody's fault but the server's. */
export const OUR_FAULT: readonly unknown[] = [2, 13, 14];
/** A stream that has nothing to say is left. */
const PATIENCE_MILLIS = 100;

export interface RawMethod {
  readonly definition: ServiceDefinition;
  readonly key: string;
}

/** Calls one method with raw bytes, up to its first answer; gives the status. */
export function rawCall(
  { definition, key }: RawMethod,
  connect: (definition: ServiceDefinition) => object,
): (bytes: Uint8Array) => Promise<unknown> {
  const method = definition.methods[key];
  assert.ok(method !== undefined);
  const raw = { ...definition, methods: { [key]: { ...method, requestType: RAW, responseType: RAW } } };
  const handle: unknown = Reflect.get(connect(raw), key);
  assert.ok(typeof handle === 'function');
  return async (bytes) => {
    try {
      const asked = method.requestStream ? once(bytes) : bytes;
      if (method.responseStream) for await (const _ of handle(asked, AbortSignal.timeout(PATIENCE_MILLIS))) break;
      else await handle(asked);
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
