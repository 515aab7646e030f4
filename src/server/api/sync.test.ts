import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { faultCode, ManualClock, silentLog, systemRandom } from '#kernel';
import { parseTrustDomain, SpiffeId, type VerifiedX509Svid } from '#spiffe';
import type { CallContext } from '#wire';
import { parseCertificate } from '#x509';
import { forge } from '../../../test/forge/certificate.ts';
import type { SyncCaller } from '../access.ts';
import { planDocuments } from '../documents.ts';
import { DEFAULT_RATE_LIMITS, RateLimiter } from '../spire/rate-limiter.ts';
import { State } from '../state.ts';
import { syncService } from './sync.ts';

const ID = SpiffeId.of(parseTrustDomain('bank-a'), '/spire/agent/join_token/x');
const leaf = parseCertificate(forge({ uris: [`${ID}`] }).der);
const DOMAIN = { apiVersion: 'hauberk.dev/v1', kind: 'TrustDomain', metadata: { name: 'bank-a' }, spec: {} };

test('a stream that an agent opens after its trust domain was removed is refused, and leaves nothing open', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'sync-'));
  const clock = new ManualClock();
  const state = await State.open({ dataDir, clock, random: systemRandom, log: silentLog });
  try {
    for (const [name, changes] of planDocuments([JSON.stringify(DOMAIN)], []).changes)
      await state.commit(name, changes, 'test');
    await state.registry.putAgent({
      id: `${ID}`,
      trustDomain: 'bank-a',
      attestationType: 'join_token',
      selectors: [],
      canReattest: false,
      banned: false,
      serial: leaf.serial,
      expiresAt: clock.now() + 60_000,
    });
    const method = syncService(state, new RateLimiter(DEFAULT_RATE_LIMITS, clock))
      .bind(silentLog)
      .find(({ path }) => path === '/hauberk.sync.v1.AgentSync/Sync');
    const open = async (): Promise<AsyncGenerator<unknown>> => {
      const requests = async function* () {
        yield { trustDomain: 'bank-a', protocolVersion: 1, revision: 0n, digest: Buffer.alloc(0) };
        await new Promise(() => {});
      };
      const peer = () => ({ id: ID, leaf, notAfter: clock.now() + 1 }) as VerifiedX509Svid;
      const caller: SyncCaller = { trustDomain: 'bank-a', peer };
      const metadata = { get: () => undefined, all: () => [] };
      const context: CallContext<SyncCaller> = { caller, signal: new AbortController().signal, metadata };
      return method?.handle(requests(), context) as AsyncGenerator<unknown>;
    };
    const stream = await open();
    await stream.next();
    assert.equal(state.streams.of('bank-a').length, 1);
    await stream.return(undefined);
    await state.commit('bank-a', [{ kind: 'TrustDomain', key: 'bank-a', body: null }], 'test');
    await assert.rejects((await open()).next(), (error) =>
      ['NOT_FOUND', 'AGENT_NOT_ATTESTED'].includes(`${faultCode(error)}`),
    );
    assert.equal(state.streams.of('bank-a').length, 0);
  } finally {
    await state.close();
    rmSync(dataDir, { recursive: true });
  }
});
