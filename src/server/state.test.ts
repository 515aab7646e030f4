import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { faultCode, ManualClock, silentLog, systemRandom } from '#kernel';
import type { BundleResource } from '#wire';
import { planDocuments } from './documents.ts';
import { State } from './state.ts';

const DAY = 24 * 3600 * 1000;
const document = JSON.stringify({
  apiVersion: 'hauberk.dev/v1',
  kind: 'TrustDomain',
  metadata: { name: 'bank-a' },
  spec: {},
});

async function until(holds: () => boolean): Promise<void> {
  for (const deadline = performance.now() + 5000; !holds(); await turn())
    assert.ok(performance.now() < deadline, 'deadline passed');
}

async function withState(run: (state: State, clock: ManualClock) => Promise<void>): Promise<void> {
  const dataDir = mkdtempSync(join(tmpdir(), 'state-'));
  const clock = new ManualClock();
  const state = await State.open({ dataDir, clock, random: systemRandom, log: silentLog });
  try {
    for (const [name, changes] of planDocuments([document], []).changes) await state.commit(name, changes, 'test');
    await run(state, clock);
  } finally {
    await state.close();
    rmSync(dataDir, { recursive: true });
  }
}

const bundleOf = (state: State) => state.registry.find<BundleResource>('Bundle', 'bank-a', 'bank-a');

test('attack: a trust domain whose name is another directory is not hosted: its keys would lie among other files', () =>
  withState(async (state) => {
    for (const name of ['.', '..']) {
      const { changes } = planDocuments([document.replace('bank-a', name)], []);
      assert.deepEqual(
        state.registry.refusals(changes).map(({ fault }) => fault.code),
        ['TRUST_DOMAIN_INVALID'],
      );
      await assert.rejects(state.commitAll(changes, 'test'), (error) => faultCode(error) === 'TRUST_DOMAIN_INVALID');
    }
    const { changes } = planDocuments([document.replace('bank-a', '...')], []);
    await state.commitAll(changes, 'test');
    assert.deepEqual(
      state.hosted().map(({ name }) => name),
      ['bank-a', '...'],
    );
  }));

test('a CA that expired while the machine slept is replaced, and the new bundle is committed for the agents', () =>
  withState(async (state, clock) => {
    const before = bundleOf(state);
    const revision = state.registry.revision('bank-a');
    clock.jump(30 * DAY);
    assert.ok(state.trustDomain('bank-a').authority.trouble());
    clock.advance(0);
    await until(() => state.trustDomain('bank-a').authority.trouble() === undefined);
    assert.ok(state.registry.revision('bank-a') > revision);
    assert.notDeepEqual(bundleOf(state)?.x509Authorities, before?.x509Authorities);
  }));

test('after the sleep the server’s own certificate heals too', () =>
  withState(async (state, clock) => {
    const hosted = state.trustDomain('bank-a');
    assert.ok(hosted.secureContext());
    clock.jump(30 * DAY);
    assert.equal(hosted.secureContext(), undefined);
    await until(() => hosted.secureContext() !== undefined);
  }));

test('a removed trust domain issues nothing more and its bundle is withdrawn; applied again it lives again', () =>
  withState(async (state) => {
    await state.commit('bank-a', [{ kind: 'TrustDomain', key: 'bank-a', body: null }], 'test');
    assert.throws(
      () => state.trustDomain('bank-a'),
      (error) => faultCode(error) === 'NOT_FOUND',
    );
    assert.equal(bundleOf(state), undefined);
    for (const [name, changes] of planDocuments([document], []).changes) await state.commit(name, changes, 'test');
    assert.equal(state.trustDomain('bank-a').authority.trouble(), undefined);
    assert.ok(bundleOf(state));
  }));
