import { Fault } from '#kernel';
import { SpiffeId } from '#spiffe';
import type { TrustDomainResource } from '#wire';
import { type CertificateRequest, parseCertificateRequest } from '#x509';
import type { State } from '../state.ts';
import type { Admitted } from './bind.ts';
import { parseDnsName } from './message/entry.ts';

/** An X509-SVID for an id that an operator names in its request, without an entry. Throws `CSR_INVALID`, `ARGUMENT_INVALID`. */
export async function mintX509Svid(
  state: State,
  { trustDomain, by }: Admitted,
  request: { readonly csr: Uint8Array; readonly ttlSeconds: number },
): Promise<{ readonly id: string; readonly chain: readonly Buffer[]; readonly notAfter: number }> {
  if (request.csr.length === 0) throw new Fault('ARGUMENT_INVALID', 'missing CSR');
  if (request.ttlSeconds < 0) throw new Fault('ARGUMENT_INVALID', 'the lifetime is negative');
  const { spki, uriSans, dnsNames } = parseCertificateRequest(request.csr);
  const domain = state.registry.find<TrustDomainResource>('TrustDomain', trustDomain, trustDomain);
  const id = assertMintable(trustDomain, domain?.userPath, uriSans);
  assertNoOverlap(dnsNames.map(parseDnsName));
  const hosted = state.trustDomain(trustDomain);
  const issued = await hosted.authority.issueX509Svid({
    id,
    publicKeySpki: spki,
    ttlSeconds: request.ttlSeconds || (domain?.x509SvidTtlSeconds ?? 3600),
    ...(dnsNames.length === 0 ? {} : { dnsNames }),
  });
  hosted.issued++;
  await state.recorder.note({
    kind: 'identity',
    trustDomain,
    workload: `${id}`,
    effect: 'allow',
    code: 'ALLOWED',
    action: 'x509-svid:mint',
    proof: by,
    detail: { serial: issued.serial, notAfter: new Date(issued.notAfter).toISOString() },
  });
  return { id: `${id}`, chain: issued.chain, notAfter: issued.notAfter };
}

/** One URI, a workload's id of this trust domain: never an agent's, a server's or a user's. */
export function assertMintable(
  trustDomain: string,
  userPath: string | undefined,
  uris: CertificateRequest['uriSans'],
): SpiffeId {
  const [uri, second] = uris;
  if (uri === undefined) throw new Fault('CSR_INVALID', 'CSR URI SAN is required');
  if (second !== undefined) throw new Fault('CSR_INVALID', 'only one URI SAN is expected');
  const id = parse(uri);
  if (id.trustDomain !== trustDomain) throw new Fault('CSR_INVALID', 'the id is of another trust domain');
  if (id.path === '') throw new Fault('CSR_INVALID', 'the id has no path');
  if (id.path === '/spire' || id.isUnder('/spire/') || (userPath !== undefined && id.isUnder(userPath)))
    throw new Fault('CSR_INVALID', 'the path of the id is reserved');
  return id;
}

function parse(uri: string): SpiffeId {
  try {
    return SpiffeId.parse(uri);
  } catch (cause) {
    throw new Fault('CSR_INVALID', 'CSR URI SAN is invalid', { cause });
  }
}

function assertNoOverlap(names: readonly string[]): void {
  const wildcards = names.filter((name) => name.startsWith('*.')).map((name) => name.slice(1));
  const overlaps = names.some(
    (name) => !name.startsWith('*.') && wildcards.some((suffix) => name.slice(name.indexOf('.')) === suffix),
  );
  if (overlaps)
    throw new Fault('CSR_INVALID', 'CSR DNS name contains a wildcard that covers another non-wildcard name');
}
