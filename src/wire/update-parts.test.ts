import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { faultCode, LIMITS } from '#kernel';
import { ResourceUpdate } from './gen/hauberk_workload.ts';
import { partsOf, UpdateAssembly, type WholeUpdate } from './update-parts.ts';

const KIB = 1024;
const entries = (count: number, bytes: number): WholeUpdate['upserts'] =>
  Array.from({ length: count }, (_, at) => ({ kind: 'Entry', key: `${at}`, bodyJson: 'x'.repeat(bytes) }));
const whole = (change: Partial<WholeUpdate> = {}): WholeUpdate => ({
  ...{ trustDomain: 'bank-a', revision: 7n, full: true, upserts: [], removals: [] },
  ...change,
});
const assembled = (parts: Iterable<ResourceUpdate>): readonly WholeUpdate[] => {
  const assembly = new UpdateAssembly();
  return [...parts].flatMap((part) => assembly.take(ResourceUpdate.decode(ResourceUpdate.encode(part).finish())) ?? []);
};
const plain = ({ trustDomain, revision, full, upserts, removals }: WholeUpdate): WholeUpdate => {
  return { trustDomain, revision, full, upserts, removals };
};

const plainly = { noNullPrototype: true };
const name = fc.record(
  { kind: fc.constantFrom('Entry', 'Bundle', 'Service'), key: fc.string({ unit: 'grapheme' }) },
  plainly,
);
// Bodies of nothing up to more than a part.
const upsert = fc
  .tuple(name, fc.constantFrom('x', 'é', '😀'), fc.constantFrom(0, 10, 20 * KIB, 60 * KIB))
  .map(([named, letter, count]) => ({ ...named, bodyJson: letter.repeat(count) }));
const anyUpdate = fc.record(
  {
    trustDomain: fc.constant('bank-a'),
    revision: fc.bigInt({ min: 0n, max: 1n << 40n }),
    full: fc.boolean(),
    upserts: fc.array(upsert, { maxLength: 30 }),
    removals: fc.array(name, { maxLength: 30 }),
  },
  plainly,
);

test('the parts of an update, put together, are that update, and each but a single large resource is small', () => {
  fc.assert(
    fc.property(anyUpdate, (update) => {
      const parts = [...partsOf(update)];
      assert.deepEqual(assembled(parts).map(plain), [update]);
      assert.deepEqual(
        parts.map(({ more }) => more),
        parts.map((_, at) => at < parts.length - 1),
      );
      for (const part of parts) {
        const bytes = ResourceUpdate.encode(part).finish().length;
        assert.ok(bytes <= 132 * KIB || part.upserts.length + part.removals.length === 1, `${bytes}`);
      }
    }),
    { numRuns: 50 },
  );
});

test('what fits a message is one message; removals are cut as upserts are', () => {
  assert.deepEqual([...partsOf(whole())], [{ ...whole(), more: false }]);
  const removals = Array.from({ length: 20_000 }, (_, at) => ({ kind: 'Entry', key: `${at}` }));
  const parts = [...partsOf(whole({ full: false, upserts: entries(2, 100 * KIB), removals }))];
  assert.ok(parts.length > 4);
  assert.equal(
    parts.reduce((sum, part) => sum + part.removals.length, 0),
    removals.length,
  );
});

test('parts are made when they are asked for', () => {
  let read = 0;
  const resource = (key: string) => ({
    ...{ kind: 'Entry', key },
    get bodyJson() {
      read++;
      return 'x'.repeat(100 * KIB);
    },
  });
  const parts = partsOf(whole({ upserts: Array.from({ length: 100 }, (_, at) => resource(`${at}`)) }));
  assert.equal(parts.next().value?.upserts.length, 1);
  const before = read;
  parts.next();
  assert.ok(read - before < 3, `${read - before}`);
});

test('a part of another update in between is refused, and what came of the first is forgotten', () => {
  const [first, second, ...rest] = partsOf(whole({ upserts: entries(4, 100 * KIB) }));
  assert.ok(first !== undefined && second !== undefined && rest.length > 0);
  for (const change of [{ revision: 8n }, { trustDomain: 'bank-b' }, { full: false }, { revision: 8n, more: false }]) {
    const assembly = new UpdateAssembly();
    assert.equal(assembly.take(first), undefined);
    assert.throws(
      () => assembly.take({ ...second, ...change }),
      (error) => faultCode(error) === 'ARGUMENT_INVALID',
    );
    const next = whole({ revision: 9n });
    assert.deepEqual(assembly.take({ ...next, more: false })?.revision, 9n);
  }
});

test('attack: parts without end are refused before they fill the memory, also when they are empty', () => {
  const part = { ...whole({ upserts: entries(1, 4000 * KIB) }), more: true };
  for (const [sent, most] of [
    [part, 33],
    [{ ...whole(), more: true }, LIMITS.updateBytes.value / KIB],
  ] as const) {
    const assembly = new UpdateAssembly();
    const flood = (): void => {
      for (let count = 0; count <= most; count++) assert.equal(assembly.take(sent), undefined);
    };
    assert.throws(flood, (error) => faultCode(error) === 'LIMIT_EXCEEDED');
  }
});

test('an update that nobody would take is refused before its first part, as is one resource that fits no message', () => {
  const body = entries(1, 1024 * KIB);
  const refused = (upserts: WholeUpdate['upserts']): void => {
    assert.throws(
      () => partsOf(whole({ upserts })).next(),
      (error) => faultCode(error) === 'LIMIT_EXCEEDED',
    );
  };
  refused(Array.from({ length: 128 }, () => body).flat());
  refused(entries(1, LIMITS.grpcMessageBytes.value));
  assert.equal([...partsOf(whole({ upserts: Array.from({ length: 127 }, () => body).flat() }))].length, 127);
});
