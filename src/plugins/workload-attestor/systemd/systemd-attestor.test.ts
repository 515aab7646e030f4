import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { formatSelector } from '#spiffe';
import { SystemdAttestor } from './index.ts';

test('the unit and its file, the first that the service manager would read, templates included', async () => {
  const procDirectory = mkdtempSync(join(tmpdir(), 'systemd-'));
  const [etc, lib] = [join(procDirectory, 'etc'), join(procDirectory, 'lib')];
  for (const directory of [etc, lib]) mkdirSync(directory);
  for (const file of ['web.service', 'getty@.service', 'own@1.service', 'own@.service'])
    writeFileSync(join(lib, file), '');
  const attestor = new SystemdAttestor({ procDirectory, unitDirectories: [etc, lib] });
  const attest = async (path: string) => {
    mkdirSync(join(procDirectory, '7'), { recursive: true });
    writeFileSync(join(procDirectory, '7', 'cgroup'), `0::${path}\n`);
    return (await attestor.attest({ pid: 7, uid: 0, gid: 0 })).map(formatSelector);
  };
  try {
    const unit = (id: string, file?: string) => [
      `systemd:id:${id}`,
      ...(file === undefined ? [] : [`systemd:fragment_path:${file}`]),
    ];
    assert.deepEqual(await attest('/system.slice/web.service'), unit('web.service', join(lib, 'web.service')));
    writeFileSync(join(etc, 'web.service'), '');
    assert.deepEqual(await attest('/system.slice/web.service'), unit('web.service', join(etc, 'web.service')));
    const getty = '/system.slice/system-getty.slice/getty@tty1.service';
    assert.deepEqual(await attest(getty), unit('getty@tty1.service', join(lib, 'getty@.service')));
    assert.deepEqual(await attest('/system.slice/own@1.service'), unit('own@1.service', join(lib, 'own@1.service')));
    assert.deepEqual(await attest('/user.slice/session-1.scope'), unit('session-1.scope'));
    assert.deepEqual(await attest('/'), []);
  } finally {
    rmSync(procDirectory, { recursive: true });
  }
});
