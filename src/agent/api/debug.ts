import { X509Certificate } from 'node:crypto';
import { bindService, type PeerCredentials, QUESTION, type ServiceBinding } from '#rpc';
import { SpiffeId } from '#spiffe';
import { DebugDefinition } from '#wire/gen/spire/api/agent/debug';
import { nameText, parseCertificate } from '#x509';
import type { AgentNode } from '../node.ts';
import { attempt } from '../token-bundles.ts';

/** `spire.agent.debug.v1.Debug` on the admin socket: the certificates of the first trust domain, counts of all. */
export function debugService(node: AgentNode): ServiceBinding<PeerCredentials> {
  const { memberships, clock } = node.options;
  const started = clock.monotonic();
  const sum = (count: (one: (typeof memberships)[number]) => number): number =>
    memberships.reduce((total, one) => total + count(one), 0);
  return bindService<typeof DebugDefinition, PeerCredentials>(
    DebugDefinition,
    {
      getInfo: async () => ({
        svidChain: memberships[0].svidChain.map(describe),
        uptime: Math.floor((clock.monotonic() - started) / 1000),
        svidsCount: sum(({ svidCount }) => svidCount),
        lastSyncSuccess: BigInt(Math.floor(Math.min(...memberships.map(({ heardAt }) => heardAt)) / 1000)),
        cachedX509SvidsCount: sum(({ svidCount }) => svidCount),
        cachedJwtSvidsCount: sum(({ jwtSvidCount }) => jwtSvidCount),
        cachedSvidstoreX509SvidsCount: 0,
      }),
    },
    undefined,
    { limits: QUESTION },
  );
}

function describe(der: Uint8Array) {
  const { uriSans, notAfter } = parseCertificate(der);
  const id = attempt(() => SpiffeId.parse(uriSans[0] ?? ''));
  return {
    id: id === undefined ? undefined : { trustDomain: id.trustDomain, path: id.path },
    expiresAt: BigInt(Math.floor(notAfter / 1000)),
    subject: nameText(new X509Certificate(der).subject),
  };
}
