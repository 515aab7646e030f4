import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Fault } from '#kernel';
import { loadDocuments, type Problem } from './index.ts';

const directory = mkdtempSync(join(tmpdir(), 'hauberk-files-'));
after(() => rmSync(directory, { recursive: true }));

function write(name: string, text: string | Uint8Array): string {
  const file = join(directory, name);
  writeFileSync(file, text);
  return file;
}

/** Code, then place and finding of each problem. */
function refusal(...files: string[]): readonly unknown[] {
  try {
    loadDocuments(files);
  } catch (error) {
    assert.ok(error instanceof Fault);
    assert.ok(!error.message.includes('    at '), 'a stack trace is shown');
    const problems = error.details.problems as readonly Problem[];
    return [error.code, ...problems.map(({ line, path, found }) => [line, path, found])];
  }
  return assert.fail('accepted');
}

const domain = (name: string): string =>
  `apiVersion: hauberk.dev/v1\nkind: TrustDomain\nmetadata: { name: ${name} }\nspec: {}\n`;

test('what is no file of text is refused before it is read', () => {
  const folder = join(directory, 'folder.yaml');
  mkdirSync(folder);
  const large = write('large.yaml', '');
  truncateSync(large, 100 * 1024 * 1024);
  const cases: readonly (readonly [string, string])[] = [
    [join(directory, 'none.yaml'), 'no file of this name'],
    [join(directory, 'large.yaml', 'x'), 'no file of this name'],
    [folder, 'a directory'],
    ['/dev/zero', 'a device'],
    [large, '104857600 bytes'],
    [write('binary.yaml', Uint8Array.from([1, 0, 2])), 'a binary file'],
    [write('latin.yaml', Uint8Array.from([0x61, 0xe9])), 'other bytes'],
  ];
  for (const [file, found] of cases) assert.deepEqual(refusal(file), ['CONFIG_UNREADABLE', [undefined, '', found]]);
});

test('an empty file is no configuration', () => {
  for (const text of ['', '# nothing\n', '---\n---\n'])
    assert.deepEqual(refusal(write('empty.yaml', text)), ['CONFIG_INVALID', [1, '', 'none']]);
});

test('what is nested too deeply for the parser is one problem, not a crash', () => {
  for (const text of ['['.repeat(20_000), '{a: '.repeat(20_000), '- '.repeat(20_000)])
    assert.deepEqual(refusal(write('deep.yaml', text)), ['CONFIG_INVALID', [1, '', 'values nested too deeply']]);
});

test('aliases that would multiply are refused', () => {
  const [code, first] = refusal(write('bomb.yaml', 'a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n'));
  assert.deepEqual([code, first], ['CONFIG_INVALID', [1, '', 'an alias']]);
});

test('a mistake in YAML is told once, with its line; the other documents are judged too', () => {
  const [code, ...found] = refusal(
    write('syntax.yaml', `${domain('a')}---\nkind: [x\nmetadata: {\n---\nkind: Entri\n`),
  );
  assert.equal(code, 'CONFIG_INVALID');
  assert.deepEqual(
    found.map((one) => (one as unknown[])[0]),
    [7, 9],
  );
});

test('many unknown keys take no long time and are not all told', () => {
  const keys = Array.from({ length: 20_000 }, (_, index) => `  k${index}: 1\n`).join('');
  const started = performance.now();
  assert.equal(refusal(write('keys.yaml', domain('a').replace(' {}', `\n${keys}`))).length, 101);
  assert.ok(performance.now() - started < 20_000);
});

test('two documents of one kind and name are told with both places, across files', () => {
  const [first, second] = [write('one.yaml', `${domain('a')}---\n${domain('b')}`), write('two.yaml', domain('b'))];
  const [code, problem] = refusal(first, second);
  assert.deepEqual(
    [code, problem],
    ['CONFIG_INVALID', [1, 'metadata.name', `a second TrustDomain b (the first is at ${first}:6)`]],
  );
});

test('files that cannot be read are told with the problems of those that can', () => {
  const [code, ...found] = refusal(join(directory, 'none.yaml'), write('bad.yaml', 'kind: Entri\n'));
  assert.deepEqual([code, found.length], ['CONFIG_INVALID', 2]);
});

test('a place within a list of lists has its own line', () => {
  const [loaded] = loadDocuments([
    write(
      'policy.yaml',
      `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: p, namespace: bank-a }
spec:
  rules:
    - from:
        - source:
            principals: [a]
    - from:
        - source:
            principals: [b]
`,
    ),
  ]);
  assert.equal(loaded?.lineAt('spec.rules[1].from[0].source.principals'), 11);
  assert.equal(loaded?.lineAt('spec.rules[1].nowhere'), 9);
});
