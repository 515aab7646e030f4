import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { isFault } from './fault.ts';
import { readSettingsFile } from './settings.ts';

const directory = mkdtempSync(join(tmpdir(), 'settings-'));
after(() => rmSync(directory, { recursive: true }));
const file = join(directory, 'server.json');

test('a settings file that cannot be read is told by its path and the reason, without a stack', () => {
  const reasons = [
    [join(directory, 'none.json'), 'cannot be read: it is not there'],
    [directory, 'cannot be read: it is a directory'],
    [join(file, 'below'), 'cannot be read: it is not there'],
  ] as const;
  writeFileSync(file, '{"name": "x"}');
  assert.deepEqual(readSettingsFile(file), { name: 'x' });
  for (const [path, reason] of reasons)
    assert.throws(() => readSettingsFile(path), { code: 'CONFIG_UNREADABLE', message: `${path} ${reason}` });
});

test('a settings file that is no JSON is told by its line, and what stands in it is not', () => {
  writeFileSync(file, '{\n  "joinToken": "secret-of-mine"\n  "name": "x"\n}');
  assert.throws(
    () => readSettingsFile(file),
    (error) => isFault(error) && error.message === `${file}:3 is not well-formed JSON` && error.cause === undefined,
  );
  writeFileSync(file, 'secret-of-mine');
  assert.throws(
    () => readSettingsFile(file),
    (error) => isFault(error) && error.message === `${file} is not well-formed JSON`,
  );
});
