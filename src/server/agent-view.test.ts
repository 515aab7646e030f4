import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ManualClock, systemRandom } from '#kernel';
import { type AgentRecord, MemoryStore, Registry, type ResourceChange } from '#registry';
import { stateDigest, type WholeUpdate } from '#wire';
import { AgentView } from './agent-view.ts';

const SERVER = 'spiffe://bank-a/spire/server';
const agent: AgentRecord = {
  id: 'spiffe://bank-a/spire/agent/x509pop/x',
  trustDomain: 'bank-a',
  alias: 'spiffe://bank-a/node/local',
  attestationType: 'x509pop',
  selectors: ['x509pop:a:1', 'x509pop:b:2'],
  canReattest: true,
  banned: false,
  serial: '01',
  expiresAt: 0,
};
const domain = (name: string, federatesWith: readonly string[] = []): ResourceChange => ({
  kind: 'TrustDomain',
  key: name,
  body: { name, userPath: '/user/', federatesWith },
});
const bundle = (key: string, sequence: number): ResourceChange => ({
  kind: 'Bundle',
  key,
  body: { trustDomain: key, x509Authorities: [], sequence, refreshHintSeconds: 1 },
});
const entry = (id: string, parentId: string, extra: object = {}): ResourceChange => ({
  kind: 'Entry',
  key: id,
  body: { id, spiffeId: `spiffe://bank-a/${id}`, parentId, selectors: [`unix:uid:${id}`], ...extra },
});
const gone = (kind: ResourceChange['kind'], key: string): ResourceChange => ({ kind, key, body: null });

/** What an agent holds that has taken in every update. */
class Held {
  readonly resources = new Map<string, string>();

  take(update: WholeUpdate | undefined): readonly string[] {
    if (update === undefined) return [];
    if (update.full) this.resources.clear();
    for (const { kind, key, bodyJson } of update.upserts) this.resources.set(`${kind} ${key}`, bodyJson);
    for (const { kind, key } of update.removals)
      assert.ok(this.resources.delete(`${kind} ${key}`) || kind !== 'Entry', `${kind} ${key} was never sent`);
    return [...update.upserts, ...update.removals].map(({ kind, key }) => `${kind} ${key}`);
  }

  sorted(): readonly (readonly [string, string])[] {
    return [...this.resources].sort(([a], [b]) => (a < b ? -1 : 1));
  }
}

async function open(): Promise<Registry> {
  const registry = await Registry.open({ store: new MemoryStore(), clock: new ManualClock(), random: systemRandom });
  await registry.commit('bank-a', [domain('bank-a')]);
  return registry;
}

test('an update holds what changed for this agent, and nothing wakes it for what does not concern it', async () => {
  const registry = await open();
  let woken = 0;
  const view = new AgentView(registry, agent, () => woken++);
  const held = new Held();
  const step = async (...changes: ResourceChange[]): Promise<readonly string[]> => {
    await registry.commit('bank-a', changes);
    return held.take(view.next());
  };
  assert.deepEqual(held.take(view.next()), ['TrustDomain bank-a']);
  assert.deepEqual(await step(entry('a', agent.id), entry('other', 'spiffe://bank-a/node/other')), ['Entry a']);
  woken = 0;
  assert.deepEqual(await step(entry('other', 'spiffe://bank-a/node/other', { hint: 'x' })), []);
  assert.equal(woken, 0);
  assert.deepEqual(await step(entry('below', 'spiffe://bank-a/a')), ['Entry below']);
  assert.deepEqual(await step(entry('deeper', 'spiffe://bank-a/below')), ['Entry deeper']);
  assert.deepEqual(await step(gone('Entry', 'a')), ['Entry a', 'Entry below', 'Entry deeper']);
  assert.deepEqual(await step(entry('node', SERVER, { selectors: ['x509pop:a:1'] })), []);
  assert.deepEqual(await step(entry('a', 'spiffe://bank-a/node')), ['Entry a', 'Entry below', 'Entry deeper']);
  assert.deepEqual(await step(gone('Entry', 'node')), ['Entry a', 'Entry below', 'Entry deeper']);
  assert.deepEqual(await step(bundle('peer', 1)), ['Bundle peer']);
  await registry.commit('bank-b', [domain('bank-b'), bundle('bank-b', 1)]);
  assert.deepEqual(held.take(view.next()), []);
  assert.deepEqual([...(await step(domain('bank-a', ['bank-b'])))].sort(), ['Bundle bank-b', 'TrustDomain bank-a']);
  await registry.commit('bank-b', [bundle('bank-b', 2)]);
  assert.deepEqual(held.take(view.next()), ['Bundle bank-b']);
  assert.deepEqual([...(await step(domain('bank-a'), gone('Bundle', 'peer')))].sort(), [
    'Bundle bank-b',
    'Bundle peer',
    'TrustDomain bank-a',
  ]);
  view.close();
  woken = 0;
  await step(entry('late', agent.id));
  assert.equal(woken, 0, 'a view that was closed listens no more');
});

const NAMES = ['a', 'b', 'c', 'd', 'e'];
const PARENTS = [
  agent.id,
  agent.alias ?? '',
  SERVER,
  'spiffe://bank-a/node/other',
  ...NAMES.map((name) => `spiffe://bank-a/${name}`),
];
const randomChange = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      id: fc.constantFrom(...NAMES),
      parent: fc.constantFrom(...PARENTS),
      as: fc.constantFrom(...NAMES),
      selector: fc.constantFrom('x509pop:a:1', 'x509pop:c:3', 'unix:uid:1'),
    }),
  },
  { weight: 2, arbitrary: fc.record({ removed: fc.constantFrom(...NAMES) }) },
  { weight: 1, arbitrary: fc.record({ bundle: fc.constantFrom('peer', 'bank-a'), sequence: fc.nat(3) }) },
);

test('updates one after another lead to what a new agent is sent at once, whatever is changed in whatever order', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(randomChange, { maxLength: 3 }), { maxLength: 12 }), async (steps) => {
      const registry = await open();
      const view = new AgentView(registry, agent, () => undefined);
      const held = new Held();
      for (const [index, step] of steps.entries()) {
        await registry
          .commit('bank-a', (draft) => {
            for (const change of step)
              try {
                draft.add('bank-a', toChange(change));
              } catch {
                // The same entry again, or nothing to remove: the others of the step stand.
              }
          })
          .catch(() => undefined);
        // Some updates are asked for late, with several commits in them.
        if (index % 3 !== 1) held.take(view.next());
      }
      held.take(view.next());
      const fresh = new Held();
      fresh.take(new AgentView(registry, agent, () => undefined).next());
      assert.deepEqual(held.sorted(), fresh.sorted());
    }),
    { numRuns: 300 },
  );
});

type RandomChange =
  | { readonly id: string; readonly parent: string; readonly as: string; readonly selector: string }
  | { readonly removed: string }
  | { readonly bundle: string; readonly sequence: number };

function toChange(change: RandomChange): ResourceChange {
  if ('removed' in change) return gone('Entry', change.removed);
  if ('bundle' in change) return bundle(change.bundle, change.sequence);
  const { id, parent, as, selector } = change;
  return entry(id, parent, { spiffeId: `spiffe://bank-a/${as}`, selectors: [selector] });
}

/** What an agent says when it comes back with this. */
const claimOf = (held: Held, revision: number) => ({
  revision: BigInt(revision),
  digest: stateDigest(
    [...held.resources].map(([place, json]) => {
      const [kind = '', key = ''] = place.split(' ');
      return { kind, key, json };
    }),
  ),
});
const first = (registry: Registry, claim: Parameters<AgentView['first']>[0]): WholeUpdate => {
  const view = new AgentView(registry, agent, () => undefined);
  const update = view.first(claim);
  view.close();
  return update;
};
const whole = (registry: Registry): Held => {
  const held = new Held();
  held.take(new AgentView(registry, agent, () => undefined).next());
  return held;
};

test('an agent that comes back is sent what has changed since, proven by the digest of what it holds', async () => {
  const registry = await open();
  await registry.commit('bank-a', [entry('a', agent.id), entry('b', agent.id), bundle('peer', 1)]);
  const held = whole(registry);
  const claim = claimOf(held, registry.revision('bank-a'));
  const nothing = first(registry, claim);
  assert.deepEqual([nothing.full, held.take(nothing)], [false, []]);
  await registry.commit('bank-a', [entry('a', agent.id, { hint: 'x' }), entry('other', 'spiffe://bank-a/node/other')]);
  await registry.commit('bank-a', [gone('Entry', 'b'), entry('c', agent.id), gone('Bundle', 'peer')]);
  // It came and went while nobody was here.
  await registry.commit('bank-a', [entry('d', agent.id), gone('Entry', 'other')]);
  await registry.commit('bank-a', [gone('Entry', 'd')]);
  const update = first(registry, claim);
  assert.deepEqual(
    [update.full, held.take(update)],
    [false, ['Entry a', 'Entry c', 'Entry b', 'Bundle peer']],
    'others’ entries are not even named',
  );
  assert.deepEqual(held.sorted(), whole(registry).sorted());
});

test('a view that began with what had changed goes on with what changes', async () => {
  const registry = await open();
  await registry.commit('bank-a', [entry('a', agent.id)]);
  const held = whole(registry);
  const view = new AgentView(registry, agent, () => undefined);
  held.take(view.first(claimOf(held, registry.revision('bank-a'))));
  assert.equal(view.next(), undefined);
  await registry.commit('bank-a', [gone('Entry', 'a'), entry('b', agent.id)]);
  assert.deepEqual(held.take(view.next()), ['Entry b', 'Entry a']);
  assert.deepEqual(held.sorted(), whole(registry).sorted());
});

test('everything is sent to who claims a revision that is unknown or to come, other contents of it, or has no digest', async () => {
  const registry = await open();
  await registry.commit('bank-a', [entry('a', agent.id)]);
  const held = whole(registry);
  const known = claimOf(held, registry.revision('bank-a'));
  await registry.commit('bank-a', [entry('b', agent.id)]);
  const foreign = new Held();
  foreign.take(first(registry, { revision: 0n, digest: Buffer.alloc(0) }));
  foreign.resources.set(
    'Entry a',
    JSON.stringify({ ...(entry('a', agent.id).body as object), hint: 'of another store' }),
  );
  for (const [why, claim] of [
    ['to come', { ...known, revision: known.revision + 5n }],
    ['beyond what a number holds', { ...known, revision: 2n ** 64n - 1n }],
    ['of another revision', { ...known, revision: known.revision + 1n }],
    ['no digest', { ...known, digest: Buffer.alloc(0) }],
    ['a digest cut off', { ...known, digest: known.digest.subarray(0, 16) }],
    [
      'the same revision of another store, such as a backup that was restored',
      claimOf(foreign, registry.revision('bank-a')),
    ],
  ] as const) {
    const update = first(registry, claim);
    assert.equal(update.full, true, why);
    const took = new Held();
    took.take(update);
    assert.deepEqual(took.sorted(), whole(registry).sorted(), why);
  }
  assert.equal(first(registry, known).full, false);
});

test('another server of the same store, or the same one started again, takes an agent up where nothing has changed since it began', async () => {
  const store = new MemoryStore();
  const server = () => Registry.open({ store, clock: new ManualClock(), random: systemRandom });
  const one = await server();
  await one.commit('bank-a', [domain('bank-a'), entry('a', agent.id)]);
  const before = claimOf(whole(one), one.revision('bank-a'));
  await one.commit('bank-a', [entry('b', agent.id)]);
  const held = whole(one);
  const claim = claimOf(held, one.revision('bank-a'));
  const other = await server();
  assert.equal(first(other, claim).full, false);
  assert.equal(first(other, before).full, true, 'it does not know what was then');
  // What one of them writes, the other takes over with what stood there before.
  await one.commit('bank-a', [entry('c', agent.id), gone('Entry', 'a')]);
  const deadline = Date.now() + 5000;
  while (other.revision('bank-a') < one.revision('bank-a')) {
    assert.ok(Date.now() < deadline);
    await new Promise((resolve) => setImmediate(resolve));
  }
  const update = first(other, claim);
  assert.equal(update.full, false);
  held.take(update);
  assert.deepEqual(held.sorted(), whole(one).sorted());
});

test('whenever an agent goes and whenever it comes back, it holds in the end what one that is new is sent', async () => {
  let deltas = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.boolean(), fc.array(randomChange, { maxLength: 3 })), { maxLength: 12 }),
      async (steps) => {
        const registry = await open();
        const held = whole(registry);
        let at = registry.revision('bank-a');
        for (const [comesBack, step] of steps) {
          await registry
            .commit('bank-a', (draft) => {
              for (const change of step)
                try {
                  draft.add('bank-a', toChange(change));
                } catch {
                  // As above.
                }
            })
            .catch(() => undefined);
          if (!comesBack) continue;
          const update = first(registry, claimOf(held, at));
          if (!update.full) deltas++;
          held.take(update);
          at = registry.revision('bank-a');
          assert.deepEqual(held.sorted(), whole(registry).sorted());
        }
      },
    ),
    { numRuns: 300 },
  );
  assert.ok(deltas > 100, `${deltas} deltas`);
});
