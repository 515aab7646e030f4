import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { faultCode } from '#kernel';
import { formatSelector } from '#spiffe';
import { DockerAttestor } from './index.ts';

const ID = 'a'.repeat(64);
const CONTAINER = {
  Id: ID,
  Image: 'sha256:0123',
  State: { Pid: 10 },
  Config: { Image: 'registry/app:1', Labels: { app: 'ledger', 'x.y/z': 'a:b' }, Env: ['MODE=prod', 'EMPTY='] },
};

interface World {
  /** Cgroup path by pid. */
  readonly groups: Readonly<Record<number, string>>;
  readonly answer?: { readonly status: number; readonly body: string };
}

/** A Docker that knows one container, and a `/proc` of its own. */
async function attest(pid: number, { groups, answer }: World): Promise<readonly string[]> {
  const directory = mkdtempSync(join(tmpdir(), 'docker-'));
  const socketPath = join(directory, 'docker.sock');
  const server = createServer((request, response) => {
    const known = request.url === `/containers/${ID}/json`;
    const { status, body } = answer ?? { status: known ? 200 : 404, body: JSON.stringify(CONTAINER) };
    response.writeHead(status).end(body);
  });
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  for (const [process, path] of Object.entries(groups)) {
    mkdirSync(join(directory, process));
    writeFileSync(join(directory, process, 'cgroup'), `0::${path}\n`);
  }
  try {
    const attestor = new DockerAttestor({ socketPath, procDirectory: directory });
    const selectors = await attestor.attest({ pid, uid: 0, gid: 0 }, AbortSignal.timeout(5000));
    return selectors.map(formatSelector);
  } finally {
    server.closeAllConnections();
    server.close();
    rmSync(directory, { recursive: true });
  }
}

test('labels, environment, image and digest of the container of a process, also below the container’s own group', async () => {
  const expected = [
    'docker:label:app:ledger',
    'docker:label:x.y/z:a:b',
    'docker:env:MODE=prod',
    'docker:env:EMPTY=',
    'docker:image_id:registry/app:1',
    'docker:image_config_digest:sha256:0123',
  ];
  for (const group of [`/system.slice/docker-${ID}.scope`, `/docker/${ID}`]) {
    assert.deepEqual(await attest(10, { groups: { 10: group } }), expected);
    assert.deepEqual(await attest(11, { groups: { 10: group, 11: `${group}/child` } }), expected);
  }
});

test('a process in no container, or in one of another Docker, has no selectors', async () => {
  assert.deepEqual(await attest(11, { groups: { 11: '/system.slice/ssh.service' } }), []);
  assert.deepEqual(await attest(11, { groups: { 11: `/docker/${'b'.repeat(64)}` } }), []);
});

test('attack: a group that a user named after a container is not that container', async () => {
  const unknown = (error: unknown): boolean => faultCode(error) === 'IDENTITY_CALLER_UNKNOWN';
  const forged = `/user.slice/user-1000.slice/user@1000.service/docker-${ID}.scope`;
  await assert.rejects(attest(11, { groups: { 10: `/system.slice/docker-${ID}.scope`, 11: forged } }), unknown);
  await assert.rejects(attest(11, { groups: { 10: '/', 11: `/docker/${ID}` } }), unknown);
});

test('an answer that is no container, is too large or is none is a fault, never a guess', async () => {
  const groups = { 10: `/docker/${ID}` };
  const bad = (error: unknown): boolean => faultCode(error) === 'UPSTREAM_UNAVAILABLE';
  for (const answer of [
    { status: 500, body: '{}' },
    { status: 200, body: '[' },
    { status: 200, body: '[]' },
    { status: 200, body: JSON.stringify({ x: 'x'.repeat(2 ** 21) }) },
  ])
    await assert.rejects(attest(10, { groups, answer }), bad);
  // Without a first process nobody can be compared with it.
  const stopped = { ...CONTAINER, State: { Pid: 0 } };
  await assert.rejects(
    attest(10, { groups, answer: { status: 200, body: JSON.stringify(stopped) } }),
    (error) => faultCode(error) === 'IDENTITY_CALLER_UNKNOWN',
  );
});
