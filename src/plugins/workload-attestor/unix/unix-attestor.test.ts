import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { formatSelector } from '#spiffe';
import { UnixAttestor, type UnixAttestorOptions } from './index.ts';

async function withDirectory(run: (directory: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'unix-'));
  try {
    await run(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

const attest = async (options: Partial<UnixAttestorOptions>, pid: number, uid = 1000, gid = 1001) => {
  const attestor = new UnixAttestor({ discoverWorkloadPath: false, workloadSizeLimit: 0, ...options });
  return (await attestor.attest({ pid, uid, gid }, new AbortController().signal)).map(formatSelector);
};
const UNSHARE = '/usr/bin/unshare';
const without = (name: string, selectors: readonly string[]) => selectors.filter((one) => !one.includes(name));

test('the uid and gid that the kernel named, with their names, and the supplementary groups', () =>
  withDirectory(async (directory) => {
    const [passwdFile, groupFile] = [join(directory, 'passwd'), join(directory, 'group')];
    writeFileSync(passwdFile, 'root:x:0:0::/:/bin/sh\nalice:x:1000:1001::/:/bin/sh\nsecond:x:1000:1::/:/bin/sh\n');
    writeFileSync(groupFile, 'root:x:0:\nstaff:x:1001:alice\n\n');
    const files = { passwdFile, groupFile };
    const seen = without('supplementary', await attest(files, process.pid));
    assert.deepEqual(seen, ['unix:uid:1000', 'unix:user:alice', 'unix:gid:1001', 'unix:group:staff']);
    assert.deepEqual(without('supplementary', await attest(files, process.pid, 5, 5)), ['unix:uid:5', 'unix:gid:5']);
    const supplementary = (await attest(files, process.pid)).filter((one) => one.includes('supplementary_gid'));
    const kernel = /^Groups:[ \t]*(.*)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]?.trim() ?? '';
    assert.deepEqual(
      supplementary,
      kernel.split(/\s+/).flatMap((gid) => (gid === '' ? [] : [`unix:supplementary_gid:${gid}`])),
    );
    const attestor = new UnixAttestor({ discoverWorkloadPath: false, workloadSizeLimit: 0, ...files });
    const name = async () =>
      (await attestor.attest({ pid: process.pid, uid: 7, gid: 7 }, new AbortController().signal)).map(formatSelector);
    assert.ok(!(await name()).includes('unix:user:late'));
    writeFileSync(passwdFile, 'late:x:7:7::/:/bin/sh\n');
    assert.ok((await name()).includes('unix:user:late'));
  }));

test('path and digest of the file that runs, only where they are asked for and the file is not too large', () =>
  withDirectory(async (directory) => {
    const program = join(directory, 'program');
    copyFileSync('/bin/sleep', program);
    const child = spawn(program, ['60']);
    await once(child, 'spawn');
    const pid = child.pid ?? 0;
    const digest = createHash('sha256').update(readFileSync(program)).digest('hex');
    const size = statSync(program).size;
    const discoverWorkloadPath = true;
    const executable = async (options: Partial<UnixAttestorOptions>) =>
      (await attest({ discoverWorkloadPath, ...options }, pid)).filter((one) => /:(?:path|sha256):/.test(one));
    try {
      const [path, sha256] = [`unix:path:${program}`, `unix:sha256:${digest}`];
      assert.deepEqual(await executable({}), [path, sha256]);
      assert.deepEqual(await executable({ workloadSizeLimit: size }), [path, sha256]);
      assert.deepEqual(await executable({ workloadSizeLimit: size - 1 }), [path]);
      assert.deepEqual(await executable({ workloadSizeLimit: -1 }), [path]);
      assert.deepEqual(await executable({ discoverWorkloadPath: false }), []);
      // Attack: another program at the path of one that runs is not what runs.
      rmSync(program);
      writeFileSync(program, 'another');
      assert.deepEqual(await executable({}), [sha256]);
    } finally {
      child.kill('SIGKILL');
    }
    await once(child, 'exit');
    assert.deepEqual(await executable({}), []);
  }));

test('attack: a program in a mount namespace of its own has its file at any path, and the path of none', (context) =>
  withDirectory(async (directory) => {
    if (!existsSync(UNSHARE)) return context.skip('unshare is not installed: util-linux');
    const [trusted, mine] = [join(directory, 'trusted'), join(directory, 'mine')];
    copyFileSync('/usr/bin/tail', trusted);
    copyFileSync('/bin/sleep', mine);
    const script = `mount --bind ${mine} ${trusted} && echo there && exec ${trusted} 60`;
    const child = spawn(UNSHARE, ['--user', '--map-root-user', '--mount', 'sh', '-c', script], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const [said] = await Promise.race([once(child.stdout, 'data'), once(child, 'exit').then(() => [])]);
    if (said === undefined) return context.skip('this machine lets nobody make a mount namespace');
    const pid = child.pid ?? 0;
    try {
      while (!readlinkSync(`/proc/${pid}/exe`).startsWith(directory))
        await new Promise((resolve) => setImmediate(resolve));
      assert.equal(readlinkSync(`/proc/${pid}/exe`), trusted);
      const seen = await attest({ discoverWorkloadPath: true }, pid);
      const sha256 = createHash('sha256').update(readFileSync(mine)).digest('hex');
      assert.deepEqual(
        seen.filter((one) => /:(?:path|sha256):/.test(one)),
        [`unix:sha256:${sha256}`],
      );
    } finally {
      child.kill('SIGKILL');
    }
    await once(child, 'exit');
    return undefined;
  }));

test('one attestor makes the digest of a file once, and again when the file at the same place is another', () =>
  withDirectory(async (directory) => {
    const attestor = new UnixAttestor({ discoverWorkloadPath: true, workloadSizeLimit: 0 });
    const run = async (source: string, ...argv: readonly string[]) => {
      const program = join(directory, 'program');
      rmSync(program, { force: true });
      copyFileSync(source, program);
      const child = spawn(program, argv);
      await once(child, 'spawn');
      const caller = { pid: child.pid ?? 0, uid: 0, gid: 0 };
      const selectors = await attestor.attest(caller, new AbortController().signal);
      child.kill('SIGKILL');
      return selectors.map(formatSelector).find((one) => one.startsWith('unix:sha256:'));
    };
    const digest = (file: string) => `unix:sha256:${createHash('sha256').update(readFileSync(file)).digest('hex')}`;
    assert.equal(await run('/bin/sleep', '60'), digest('/bin/sleep'));
    assert.equal(await run('/usr/bin/tail', '-f', '/dev/null'), digest('/usr/bin/tail'));
  }));
