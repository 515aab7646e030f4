/** Lives of what is issued: half of it is longer than the server is away. */
export const ENTRY_SECONDS = 1800;

export interface Place {
  /** Parents of the two entries. */
  readonly caller: string;
  readonly service: string;
  /** Of the service. */
  readonly port: number;
  /** Another trust domain, whose `client` may call the service too. */
  readonly other?: string;
}

const inBank = (kind: string, name: string, spec: object) => ({
  apiVersion: 'hauberk.dev/v1',
  kind,
  metadata: { name, trustDomain: 'bank-a' },
  spec,
});

/** One trust domain, two workloads of this test's own user, each on a node of its own, and the rule that one may call the other. */
export function documentsOf({ caller, service, port, other }: Place): readonly object[] {
  const selectors = [`unix:uid:${process.getuid?.() ?? 0}`];
  const federatesWith = other === undefined ? [] : [other];
  const lives = { x509SvidLifetime: `${ENTRY_SECONDS}s`, jwtSvidLifetime: `${ENTRY_SECONDS}s` };
  return [
    {
      apiVersion: 'hauberk.dev/v1',
      kind: 'TrustDomain',
      metadata: { name: 'bank-a' },
      spec: { namespaces: ['bank-a'] },
    },
    inBank('Entry', 'caller', { spiffeId: 'spiffe://bank-a/caller', parentId: caller, selectors, ...lives }),
    inBank('Entry', 'service', {
      spiffeId: 'spiffe://bank-a/service',
      parentId: service,
      selectors,
      ...lives,
      federatesWith,
    }),
    {
      apiVersion: 'hauberk.dev/v1',
      kind: 'Service',
      metadata: { name: 'service', namespace: 'bank-a', trustDomain: 'bank-a' },
      spec: {
        spiffeId: 'spiffe://bank-a/service',
        protocol: 'http',
        labels: { app: 'service' },
        endpoints: [{ host: '127.0.0.1', port }],
      },
    },
    {
      apiVersion: 'security.istio.io/v1',
      kind: 'AuthorizationPolicy',
      metadata: { name: 'service', namespace: 'bank-a' },
      spec: {
        selector: { matchLabels: { app: 'service' } },
        rules: [
          { from: [{ source: { principals: ['bank-a/caller', ...federatesWith.map((name) => `${name}/client`)] } }] },
        ],
      },
    },
  ];
}
