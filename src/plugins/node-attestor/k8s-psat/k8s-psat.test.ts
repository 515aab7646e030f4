import assert from 'node:assert/strict';
import { generateKeyPairSync, sign } from 'node:crypto';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { after, test } from 'node:test';
import { nodeAttestorContract } from '#attestation';
import { publicJwk } from '#jws';
import { faultCode, ManualClock } from '#kernel';
import { pemCertificates } from '#x509';
import { forge } from '../../../../test/forge/certificate.ts';
import { type Cluster, K8sPsatAttestor, KubernetesApi, oidcReview } from './index.ts';

const CLOCK = new ManualClock(Date.UTC(2026, 5, 1));
const NOW = CLOCK.now() / 1000;
const ISSUER = 'https://kubernetes.default.svc';
const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const CLAIMS = {
  iss: ISSUER,
  aud: ['spire-server'],
  exp: NOW + 600,
  nbf: NOW - 10,
  'kubernetes.io': {
    namespace: 'spire',
    node: { name: 'worker-1', uid: 'node-uid-1' },
    pod: { name: 'agent-x', uid: 'pod-uid-1' },
    serviceaccount: { name: 'spire-agent', uid: 'sa-1' },
  },
};

const k8sPsatPayload = (cluster: string, token: string) => Buffer.from(JSON.stringify({ cluster, token }));

function tokenOf(claims: object, header: object = {}): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const input = `${part({ alg: 'RS256', kid: 'k1', ...header })}.${part(claims)}`;
  return `${input}.${sign('sha256', Buffer.from(input), privateKey).toString('base64url')}`;
}

const KEYS = oidcReview({
  issuer: ISSUER,
  audiences: ['spire-server'],
  jwks: { keys: [{ ...publicJwk(publicKey), kid: 'k1' }] },
  clock: CLOCK,
});
const CLUSTER: Cluster = {
  name: 'prod',
  review: KEYS,
  serviceAccounts: ['spire:spire-agent'],
  naming: 'node',
  nodeLabels: ['zone'],
  podLabels: [],
};

/** An API server that knows one token, one pod and one node. */
const identity = forge({
  ca: true,
  keyUsage: ['digitalSignature', 'keyCertSign'],
  dnsNames: ['localhost'],
  notAfter: Date.now() + 86_400_000,
});
const POD = { uid: 'pod-uid-1' };
let audiences: readonly string[] = ['spire-server'];
const api = createServer(
  { key: identity.key.export({ type: 'pkcs8', format: 'pem' }), cert: pemCertificates([identity.der]) },
  (request, response) => {
    let body = '';
    request.on('data', (chunk) => (body += chunk));
    request.on('end', () => {
      const answer = request.headers.authorization === 'Bearer own' ? answers(request.url ?? '', body) : undefined;
      response.writeHead(answer === undefined ? 404 : 200).end(JSON.stringify(answer ?? {}));
    });
  },
);
function answers(url: string, body: string): object | undefined {
  if (url === '/api/v1/namespaces/spire/pods/agent-x')
    return {
      metadata: { ...POD, labels: { app: 'x' } },
      spec: { nodeName: 'worker-1' },
      status: { hostIP: '10.0.0.1' },
    };
  if (url === '/api/v1/nodes/worker-1') return { metadata: { uid: 'node-uid-1', labels: { zone: 'a', secret: 'b' } } };
  if (url !== '/apis/authentication.k8s.io/v1/tokenreviews') return undefined;
  const { spec } = JSON.parse(body);
  if (spec.token !== 'known') return { status: { authenticated: false } };
  const extra = {
    'authentication.kubernetes.io/pod-name': ['agent-x'],
    'authentication.kubernetes.io/pod-uid': ['pod-uid-1'],
  };
  return {
    status: { authenticated: true, audiences, user: { username: 'system:serviceaccount:spire:spire-agent', extra } },
  };
}
await new Promise<void>((resolve) => api.listen(0, '127.0.0.1', resolve));
after(() => api.close());
const url = `https://localhost:${(api.address() as AddressInfo).port}`;
const kubernetes = new KubernetesApi({
  url,
  ca: pemCertificates([identity.der]),
  token: () => 'own',
  audiences: ['spire-server'],
});
const BY_API: Cluster = { ...CLUSTER, review: (token, signal) => kubernetes.review(token, signal) };

nodeAttestorContract('k8s_psat by keys', () => ({
  attestor: new K8sPsatAttestor([CLUSTER]),
  payload: k8sPsatPayload('prod', tokenOf(CLAIMS)),
}));
nodeAttestorContract('k8s_psat by API server', () => ({
  attestor: new K8sPsatAttestor([BY_API]),
  payload: k8sPsatPayload('prod', 'known'),
}));

const attest = (cluster: Cluster, token: string, name = 'prod') =>
  new K8sPsatAttestor([cluster]).attest(
    { trustDomain: 'bank-a', payload: k8sPsatPayload(name, token), challenge: () => assert.fail('nothing is asked') },
    new AbortController().signal,
  );
const refused = (error: unknown) => faultCode(error) === 'ATTESTATION_FAILED';

test('an agent is named by its node or its pod; labels become selectors where they are listed', async () => {
  const byKeys = await attest(CLUSTER, tokenOf(CLAIMS));
  assert.equal(byKeys.path, '/spire/agent/k8s_psat/prod/node-uid-1');
  const byApi = await attest({ ...BY_API, naming: 'pod' }, 'known');
  assert.equal(byApi.path, '/spire/agent/k8s_psat/prod/pod/pod-uid-1');
  assert.deepEqual(byApi.selectors, [
    'k8s_psat:cluster:prod',
    'k8s_psat:agent_ns:spire',
    'k8s_psat:agent_sa:spire-agent',
    'k8s_psat:agent_pod_name:agent-x',
    'k8s_psat:agent_pod_uid:pod-uid-1',
    'k8s_psat:agent_node_ip:10.0.0.1',
    'k8s_psat:agent_node_name:worker-1',
    'k8s_psat:agent_node_uid:node-uid-1',
    'k8s_psat:agent_node_label:zone:a',
  ]);
});

test('by keys: a token that is not for this server, of another issuer, not of now, or not of a pod is refused', async () => {
  const { 'kubernetes.io': _, ...unbound } = CLAIMS;
  for (const token of [
    tokenOf({ ...CLAIMS, aud: ['kubernetes'] }),
    tokenOf({ ...CLAIMS, iss: 'https://elsewhere' }),
    tokenOf({ ...CLAIMS, exp: NOW }),
    tokenOf({ ...CLAIMS, nbf: NOW + 1 }),
    tokenOf(CLAIMS, { kid: 'k2' }),
    tokenOf(unbound),
    `${tokenOf(CLAIMS).slice(0, -4)}AAAA`,
  ])
    await assert.rejects(attest(CLUSTER, token), refused);
  const { node: __, ...noNode } = CLAIMS['kubernetes.io'];
  await assert.rejects(attest(CLUSTER, tokenOf({ ...CLAIMS, 'kubernetes.io': noNode })), refused);
});

test('a service account that is not listed is refused, and a cluster that is not known', async () => {
  await assert.rejects(attest({ ...CLUSTER, serviceAccounts: ['spire:other'] }, tokenOf(CLAIMS)), refused);
  await assert.rejects(attest(CLUSTER, tokenOf(CLAIMS), 'other'), (error) => faultCode(error) === 'ARGUMENT_INVALID');
});

test('by API server: an unknown token, one for another audience, and a pod that was replaced are refused', async () => {
  await assert.rejects(attest(BY_API, 'unknown'), refused);
  audiences = ['kubernetes'];
  await assert.rejects(attest(BY_API, 'known'), refused);
  audiences = ['spire-server'];
  POD.uid = 'another';
  await assert.rejects(attest(BY_API, 'known'), refused);
  POD.uid = 'pod-uid-1';
});
