import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { Authority } from '#authority';
import { faultCode, systemClock, systemRandom } from '#kernel';
import { MemoryKeyManager } from '#plugins/key-manager/memory';
import { formatSelector, parseTrustDomain, SpiffeId } from '#spiffe';
import { K8sAttestor, type K8sAttestorOptions } from './index.ts';

const UID = '2c48913c-b29f-11e7-9350-020968147796';
const ID = 'c'.repeat(64);
const GROUP = `/kubepods/burstable/pod${UID}/${ID}`;
const POD = {
  metadata: {
    name: 'ledger-0',
    namespace: 'bank',
    uid: UID,
    labels: { app: 'ledger', 'k8s.io/x': 'a:b' },
    ownerReferences: [{ kind: 'StatefulSet', name: 'ledger', uid: 'owner-uid' }],
  },
  spec: { serviceAccountName: 'ledger', nodeName: 'node-1' },
  status: {
    containerStatuses: [
      { name: 'main', containerID: `containerd://${ID}`, image: 'ledger:1', imageID: 'ledger@sha256:11' },
      { name: 'side', containerID: `containerd://${'d'.repeat(64)}`, image: 'side:1', imageID: 'side@sha256:22' },
    ],
    initContainerStatuses: [{ name: 'init', containerID: 'containerd://e', image: 'init:1', imageID: 'init:1' }],
  },
};
const SELECTORS = [
  'k8s:sa:ledger',
  'k8s:ns:bank',
  'k8s:node-name:node-1',
  `k8s:pod-uid:${UID}`,
  'k8s:pod-name:ledger-0',
  'k8s:pod-image-count:2',
  'k8s:pod-init-image-count:1',
  'k8s:pod-image:ledger@sha256:11',
  'k8s:pod-image:ledger:1',
  'k8s:pod-image:side@sha256:22',
  'k8s:pod-image:side:1',
  'k8s:pod-init-image:init:1',
  'k8s:pod-label:app:ledger',
  'k8s:pod-label:k8s.io/x:a:b',
  'k8s:pod-owner:StatefulSet:ledger',
  'k8s:pod-owner-uid:StatefulSet:owner-uid',
  'k8s:container-name:main',
  'k8s:container-image:ledger@sha256:11',
  'k8s:container-image:ledger:1',
];

interface World {
  readonly options: K8sAttestorOptions;
  readonly directory: string;
  readonly seen: { requests: number; authorization: (string | undefined)[]; clients: (string | undefined)[] };
  /** What the kubelet answers, one after the other; the last for ever. */
  readonly answers: { status: number; body: unknown }[];
}

/** A kubelet over TLS, a `/proc` with one process in one pod, and an authority that issued what they need. */
async function withKubelet(run: (world: World) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'k8s-'));
  const authority = new Authority({
    trustDomain: parseTrustDomain('kube'),
    keyManager: new MemoryKeyManager(),
    journal: { load: async () => undefined, save: async () => undefined },
    clock: systemClock,
    random: systemRandom,
    caTtlSeconds: 3600,
  });
  await authority.ready();
  const pem = (der: Uint8Array | string): string =>
    `${new X509Certificate(typeof der === 'string' ? Buffer.from(der, 'base64') : der)}`;
  const identity = async (name: string) => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
    const publicKeySpki = createPublicKey(privateKey).export({ type: 'spki', format: 'der' });
    const id = SpiffeId.parse(`spiffe://kube/${name}`);
    const { chain } = await authority.issueX509Svid({ id, publicKeySpki, ttlSeconds: 600, dnsNames: [name] });
    return { key: `${privateKey.export({ type: 'pkcs8', format: 'pem' })}`, cert: chain.map(pem).join('') };
  };
  const caFile = join(directory, 'ca.crt');
  writeFileSync(caFile, authority.bundle().x509Authorities.map(pem).join(''));
  writeFileSync(join(directory, 'token'), 'the-token\n');
  mkdirSync(join(directory, '5'));
  writeFileSync(join(directory, '5', 'cgroup'), `0::${GROUP}\n`);
  const client = await identity('agent');
  const clientCertificate = { certFile: join(directory, 'client.crt'), keyFile: join(directory, 'client.key') };
  writeFileSync(clientCertificate.certFile, client.cert);
  writeFileSync(clientCertificate.keyFile, client.key);
  const seen: World['seen'] = { requests: 0, authorization: [], clients: [] };
  const answers: World['answers'] = [{ status: 200, body: { items: [POD] } }];
  const tls = { ...(await identity('node-1')), requestCert: true, rejectUnauthorized: false };
  const server = createServer(tls, (request, response) => {
    const socket = request.socket as TLSSocket;
    seen.authorization.push(request.headers.authorization);
    seen.clients.push(socket.getPeerX509Certificate()?.subjectAltName);
    const answer = answers.length > 1 ? answers.shift() : answers[0];
    seen.requests++;
    response.writeHead(request.url === '/pods' ? (answer?.status ?? 500) : 404).end(JSON.stringify(answer?.body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const base = { host: '127.0.0.1', port, caFile, skipVerification: false, procDirectory: directory, retryMillis: 10 };
  try {
    await run({ options: { ...base, tokenFile: join(directory, 'token') }, directory, seen, answers });
  } finally {
    server.closeAllConnections();
    server.close();
    rmSync(directory, { recursive: true });
  }
}

const attest = async (options: K8sAttestorOptions, signal: AbortSignal = AbortSignal.timeout(10_000)) =>
  (await new K8sAttestor(options).attest({ pid: 5, uid: 0, gid: 0 }, signal)).map(formatSelector);
const unavailable = (error: unknown): boolean => faultCode(error) === 'UPSTREAM_UNAVAILABLE';

test('pod and container by the kubelet of the node, asked with a token', () =>
  withKubelet(async ({ options, seen }) => {
    assert.deepEqual(await attest(options), SELECTORS);
    assert.deepEqual(seen.authorization, ['Bearer the-token']);
    assert.deepEqual(await attest({ ...options, serverName: 'node-1' }), SELECTORS);
  }));

test('asked with a client certificate', () =>
  withKubelet(async ({ options, directory, seen }) => {
    const clientCertificate = { certFile: join(directory, 'client.crt'), keyFile: join(directory, 'client.key') };
    assert.deepEqual(await attest({ ...options, tokenFile: undefined, clientCertificate }), SELECTORS);
    assert.deepEqual([seen.authorization, seen.clients], [[undefined], ['URI:spiffe://kube/agent, DNS:agent']]);
  }));

test('waits for a container that the kubelet does not know yet, for as long as its caller does', () =>
  withKubelet(async ({ options, seen, answers }) => {
    const [known] = answers.splice(0);
    assert.ok(known !== undefined);
    answers.push({ status: 200, body: { items: [] } });
    answers.push({ status: 200, body: { items: [{ ...POD, status: {} }] } }, known);
    assert.deepEqual(await attest(options), SELECTORS);
    assert.equal(seen.requests, 3);
    answers.splice(0, 1, { status: 200, body: { items: [] } });
    await assert.rejects(attest(options, AbortSignal.timeout(100)));
  }));

test('callers at once share one request; a process outside of any pod costs none', () =>
  withKubelet(async ({ options, directory, seen }) => {
    const attestor = new K8sAttestor(options);
    const caller = { pid: 5, uid: 0, gid: 0 };
    await Promise.all(Array.from({ length: 20 }, () => attestor.attest(caller, AbortSignal.timeout(10_000))));
    assert.equal(seen.requests, 1);
    writeFileSync(join(directory, '5', 'cgroup'), '0::/system.slice/ssh.service\n');
    assert.deepEqual(await attestor.attest(caller, AbortSignal.timeout(10_000)), []);
    assert.equal(seen.requests, 1);
  }));

test('attack: a kubelet of another authority or name is not told the token, and an answer that is none is a fault', () =>
  withKubelet(async ({ options, answers, seen }) =>
    withKubelet(async (other) => {
      await assert.rejects(attest({ ...options, caFile: other.options.caFile }), unavailable);
      await assert.rejects(attest({ ...options, serverName: 'node-2' }), unavailable);
      assert.equal(seen.requests, 0);
      assert.deepEqual(await attest({ ...options, caFile: '/nowhere', skipVerification: true }), SELECTORS);
      answers.splice(0, 1, { status: 401, body: {} });
      await assert.rejects(attest(options), unavailable);
      await assert.rejects(attest({ ...options, tokenFile: '/nowhere' }));
    }),
  ));
