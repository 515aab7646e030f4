import type { IssuedToken } from '#authority';
import { publicJwk } from '#jws';
import { Fault } from '#kernel';
import { SpiffeId } from '#spiffe';
import type { TrustDomainResource } from '#wire';
import type { MintJWTSVIDRequest, MintWITSVIDRequest } from '#wire/gen/spire/api/server/svid';
import { type CertificateRequest, verifyCertificateRequest } from '#x509';
import type { State } from '../state.ts';
import type { Admitted } from './bind.ts';
import { parseDnsName } from './message/entry.ts';
import { parseWorkloadId } from './message/ids.ts';
import { requestedSubject } from './requested-subject.ts';

const DEFAULT_SVID_SECONDS = 3600;
const DEFAULT_JWT_SVID_SECONDS = 300;

/** An X509-SVID for an id that an operator names in its request, without an entry. Throws `CSR_INVALID`, `ARGUMENT_INVALID`. */
export async function mintX509Svid(
  state: State,
  caller: Admitted,
  request: { readonly csr: Uint8Array; readonly ttlSeconds: number },
): Promise<{ readonly id: string; readonly chain: readonly Buffer[]; readonly notAfter: number }> {
  if (request.csr.length === 0) throw new Fault('ARGUMENT_INVALID', 'missing CSR');
  const { spki, uriSans, dnsNames, subjectDer } = await verifyCertificateRequest(request.csr);
  const { authority, userPath, lifetimeSeconds } = placeOf(state, caller, request.ttlSeconds);
  const id = assertMintable(caller.trustDomain, userPath, uriSans);
  assertNoOverlap(dnsNames.map(parseDnsName));
  const { chain, serial, notAfter } = await authority.issueX509Svid({
    id,
    publicKeySpki: spki,
    ttlSeconds: lifetimeSeconds,
    ...(dnsNames.length === 0 ? {} : { dnsNames }),
    ...requestedSubject(subjectDer),
  });
  await note(state, caller, { id, action: 'x509-svid:mint', detail: { serial, ...ends(notAfter) } });
  return { id: `${id}`, chain, notAfter };
}

/** A JWT-SVID for an id that an operator names. Throws `ARGUMENT_INVALID`. */
export async function mintJwtSvid(
  state: State,
  caller: Admitted,
  { id: message, audience, ttl }: MintJWTSVIDRequest,
): Promise<{ readonly id: string } & IssuedToken> {
  const { authority, userPath } = placeOf(state, caller, ttl);
  const id = assertWorkload(userPath, parseWorkloadId(caller.trustDomain, message, 'SPIFFE ID'));
  if (audience.length === 0) throw new Fault('ARGUMENT_INVALID', 'at least one audience is required');
  const issued = await authority.issueJwtSvid({ id, audience, ttlSeconds: ttl || DEFAULT_JWT_SVID_SECONDS });
  const detail = { audience, kid: issued.kid, ...ends(issued.expiresAt * 1000) };
  await note(state, caller, { id, action: 'jwt-svid:mint', detail });
  return { id: `${id}`, ...issued };
}

/** A WIT-SVID for an id and key that an operator names. Throws `ARGUMENT_INVALID`, `JWK_INVALID`. */
export async function mintWitSvid(
  state: State,
  caller: Admitted,
  { id: message, publicKey, signingAlgorithm, ttl }: MintWITSVIDRequest,
): Promise<{ readonly id: string } & IssuedToken> {
  const { authority, userPath, lifetimeSeconds } = placeOf(state, caller, ttl);
  const id = assertWorkload(userPath, parseWorkloadId(caller.trustDomain, message, 'SPIFFE ID'));
  const issued = await authority.issueWitSvid({
    id,
    publicJwk: { ...publicJwk(publicKey), alg: signingAlgorithm },
    ttlSeconds: lifetimeSeconds,
  });
  await note(state, caller, {
    id,
    action: 'wit-svid:mint',
    detail: { kid: issued.kid, ...ends(issued.expiresAt * 1000) },
  });
  return { id: `${id}`, ...issued };
}

function placeOf(state: State, { trustDomain }: Admitted, ttlSeconds: number) {
  if (ttlSeconds < 0) throw new Fault('ARGUMENT_INVALID', 'the lifetime is negative');
  const domain = state.registry.find<TrustDomainResource>('TrustDomain', trustDomain, trustDomain);
  return {
    authority: state.trustDomain(trustDomain).authority,
    userPath: domain?.userPath,
    lifetimeSeconds: ttlSeconds || (domain?.x509SvidTtlSeconds ?? DEFAULT_SVID_SECONDS),
  };
}

function assertWorkload(userPath: string | undefined, id: SpiffeId): SpiffeId {
  if (userPath !== undefined && id.isUnder(userPath))
    throw new Fault('ARGUMENT_INVALID', 'malformed SPIFFE ID: its path is reserved for users');
  return id;
}

interface Minted {
  readonly id: SpiffeId;
  readonly action: string;
  readonly detail: Readonly<Record<string, unknown>>;
}

async function note(state: State, { trustDomain, by }: Admitted, { id, action, detail }: Minted): Promise<void> {
  const common = { kind: 'identity', effect: 'allow', code: 'ALLOWED' } as const;
  await state.recorder.note({ ...common, trustDomain, workload: `${id}`, action, proof: by, detail });
}

function ends(notAfter: number): { readonly notAfter: string } {
  return { notAfter: new Date(notAfter).toISOString() };
}

/** One URI, a workload's id of this trust domain: never an agent's, a server's or a user's. */
function assertMintable(
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
