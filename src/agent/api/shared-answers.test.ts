import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SharedAnswers } from './shared-answers.ts';

test('the very same parts have one answer; another part, one more, one less or another order has its own', () => {
  const answers = new SharedAnswers<object>();
  const [svid, entry, bundle] = [{}, {}, {}];
  const answer = answers.of([svid, entry, bundle], () => ({}));
  assert.equal(answers.of([svid, entry, bundle], assert.fail), answer);
  for (const parts of [
    [svid, entry, {}],
    [svid, {}, bundle],
    [{}, entry, bundle],
    [svid, entry],
    [svid, entry, bundle, {}],
    [svid, bundle, entry],
  ] as const)
    assert.notEqual(
      answers.of([...parts], () => ({})),
      answer,
    );
});
