import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { PatchedBank, type Told } from './patched-bank.ts';
import type { RemovedCheck } from './removed-checks.ts';

/** Plays the story without each check in turn, on one running bank, and whole before and after. */
export function storyFailsWithout(checks: readonly RemovedCheck[]): void {
  let bank: PatchedBank;
  before(async () => {
    bank = await PatchedBank.start();
  });
  after(() => bank?.close());

  test('with every check in its place the story holds', async () => {
    assert.deepEqual(problemsOf(await bank.play()), []);
  });

  for (const check of checks) {
    test(`the story fails without the check: ${check.rule}`, async () => {
      await bank.remove(check);
      assertNoticed(check, await bank.play());
    });
  }

  test('with every check back in its place the story holds again', async () => {
    await bank.remove(undefined);
    assert.deepEqual(problemsOf(await bank.play()), []);
  });
}

export function assertNoticed({ noticedBy }: RemovedCheck, told: Told): void {
  const failed = new Set(told.denials.filter(({ ok }) => !ok).map(({ name }) => name));
  const noticed =
    noticedBy instanceof RegExp
      ? told.failures.some((failure) => noticedBy.test(failure))
      : noticedBy.some((name) => failed.has(name));
  assert.ok(noticed, `the story did not notice where it should: ${problemsOf(told).join('\n')}`);
}

function problemsOf({ denials, failures }: Told): readonly string[] {
  const denied = denials.filter(({ ok }) => !ok).map(({ name, observed }) => `${name}: ${observed}`);
  return [...denied, ...failures];
}
