import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { faultCode } from '#kernel';
import { listenUnix } from './unix-socket.ts';

async function withDirectory(run: (directory: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'socket-'));
  try {
    await run(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

const is = (code: string) => (error: unknown) => faultCode(error) === code;

test('attack: a link where the socket belongs is neither followed nor removed, whatever it leads to', () =>
  withDirectory(async (directory) => {
    const [path, file, socket] = [join(directory, 's'), join(directory, 'file'), join(directory, 'other')];
    writeFileSync(file, 'precious', { mode: 0o600 });
    const other = createServer().listen(socket);
    for (const target of [file, socket, join(directory, 'nothing'), directory]) {
      symlinkSync(target, path);
      await assert.rejects(
        listenUnix(path, 0o777, () => {}),
        is('SOCKET_OCCUPIED'),
      );
      rmSync(path);
    }
    assert.equal(readFileSync(file, 'utf8'), 'precious');
    assert.equal(statSync(file).mode & 0o777, 0o600);
    other.close();
  }));

test('attack: where everybody may replace the socket there is none; where only its owner may, there is', () =>
  withDirectory(async (directory) => {
    const shared = join(directory, 'shared');
    mkdirSync(shared);
    chmodSync(shared, 0o777);
    await assert.rejects(
      listenUnix(join(shared, 's'), 0o777, () => {}),
      is('DIRECTORY_UNWRITABLE'),
    );
    chmodSync(shared, 0o1777);
    const server = await listenUnix(join(shared, 's'), 0o770, () => {});
    assert.equal(statSync(join(shared, 's')).mode & 0o777, 0o770);
    await new Promise((resolve) => server.close(resolve));
  }));
