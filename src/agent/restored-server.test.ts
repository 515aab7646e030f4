import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Secret } from '#kernel';
import { createClient } from '#rpc';
import { backup, restore } from '#server';
import { parseTrustDomain, verifyX509Svid, x509Bundle } from '#spiffe';
import { AuthoritiesDefinition } from '#wire/gen/hauberk_authorities';
import { SpiffeWorkloadAPIDefinition } from '#wire/gen/workloadapi';
import { splitCertificates } from '#x509';
import { first, type House, until, withHouse } from './agent.harness.ts';

const bankA = parseTrustDomain('bank-a');
const svidOf = async (house: House) => {
  const { svids } = await first(house.workload(SpiffeWorkloadAPIDefinition).fetchX509SVID({}));
  const { x509Svid, bundle } = svids[0] ?? assert.fail('no identity');
  return { chain: splitCertificates(x509Svid), authorities: splitCertificates(bundle) };
};
const verify = ({ chain }: Awaited<ReturnType<typeof svidOf>>, authorities: readonly Buffer[]) =>
  verifyX509Svid({ chain, bundles: new Map([[bankA, x509Bundle(bankA, authorities)]]), at: Date.now() });
const stateOf = async ({ supervisor }: House) =>
  (await supervisor.status({})).trustDomains.find(({ name }) => name === 'bank-a')?.state;

/** Machine A writes a backup while it runs and is gone; machine B has nothing but the file, at the same address. */
async function onANewMachine(
  keys: Secret | undefined,
  run: (house: House, move: () => Promise<void>) => Promise<void>,
) {
  const directory = mkdtempSync(join(tmpdir(), 'moved-'));
  try {
    await withHouse(async (house) => {
      const file = join(directory, 'backup');
      await backup({ dataDir: house.dataDir }, file, { createdAt: 'now', ...(keys === undefined ? {} : { keys }) });
      await run(house, async () => {
        const dataDir = join(directory, 'b');
        const restored = await restore({ dataDir }, file, keys === undefined ? {} : { keys });
        assert.equal(restored.keys > 0, keys !== undefined);
        await house.restart(dataDir);
      });
    });
  } finally {
    rmSync(directory, { recursive: true });
  }
}

test('a backup with its keys, restored on an empty machine: agents are back by themselves, SVIDs of before and after verify with either bundle', () =>
  onANewMachine(new Secret('correct horse'), async (house, move) => {
    const before = await svidOf(house);
    await move();
    await until(async () => (await house.supervisor.status({})).healthy);
    const after = await svidOf(house);
    verify(before, after.authorities);
    verify(after, before.authorities);
    assert.deepEqual(after.authorities, before.authorities);
    // The journal that came back is behind the bundle that was published: the next key reaches the agent all the same.
    const authorities = createClient(AuthoritiesDefinition, { socketPath: house.server.adminSocket });
    await authorities.prepare({ trustDomain: 'bank-a', kind: 'x509' });
    await authorities.close();
    await until(async () => (await svidOf(house)).authorities.length === 2);
  }));

test('a backup without its keys: another key signs, and a new join token brings agents back; what was signed before stays trusted', () =>
  onANewMachine(undefined, async (house, move) => {
    const before = await svidOf(house);
    await move();
    await until(async () => (await stateOf(house)) !== 'connected');
    for (const trustDomain of ['bank-a', 'platform.example'])
      await house.supervisor.provideJoinToken({ trustDomain, ...(await house.joinMaterial(trustDomain)) });
    await until(async () => (await house.supervisor.status({})).healthy);
    const told = async () => (await svidOf(house)).authorities;
    await until(async () => (await told()).length > before.authorities.length);
    verify(before, await told());
  }));
