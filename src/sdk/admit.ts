import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { newTxn, parentSpanOf, reasonCode } from '#chain';
import { type CanonicalTarget, canonicalTarget } from '#http';
import type { VerifiedToken } from '#jwt';
import { Fault } from '#kernel';
import type { VerifiedX509Svid } from '#spiffe';
import { assertReadable, type Fields, incomingFields } from './incoming-fields.ts';
import type { Peer } from './peer.ts';
import { type RequestingUser, verifyRequestingUser } from './requesting-user.ts';
import type { ServeOptions } from './serve-options.ts';
import type { Facts } from './service-receipt.ts';

/** A request that may reach the handler: everything in it was verified. */
export interface Admitted {
  readonly peer: VerifiedX509Svid;
  readonly user: RequestingUser;
  readonly txn: string;
  readonly method: string;
  readonly target: CanonicalTarget;
  readonly headers: Fields;
  /** Name of this service's trust domain. */
  readonly audience: string;
}

/** Peer → ambiguity → tokens → identity fields → policy, in this order. Throws the first that says no. */
export async function admit(
  options: Parameters<typeof verifyRequestingUser>[0],
  request: IncomingMessage,
  connection: Peer | undefined,
  facts: Facts,
): Promise<Admitted> {
  const peer = connection?.verify();
  if (peer === undefined) throw new Fault('PEER_CERTIFICATE_MISSING', 'no certificate was presented');
  Object.assign(facts, { peer: peer.id.toString(), proof: 'x509-svid' });
  assertReadable(request.rawHeaders);
  const { host } = request.headers;
  const target = canonicalTarget({
    target: request.url ?? '',
    hosts: host === undefined ? [] : [host],
    scheme: 'https',
  });
  const audience = options.identity.svid().id.trustDomain;
  const user = await verifyRequestingUser(options, request.headers, audience);
  noteUser(facts, user.txnToken);
  if (user.txnToken !== undefined) options.enforcement.allowances.assertTenant(peer.id, user.txnToken.tenant);
  const txn = facts.txn ?? newTxn(options.random);
  const parentSpan = parentSpanOf(request.headers.traceparent?.toString(), txn);
  if (parentSpan !== undefined) facts.parentSpan = parentSpan;
  const verified = verifiedNames(user, parentSpan !== undefined);
  const fromEdge = user.txnToken?.issuer === peer.id.toString();
  const headers = incomingFields(request.headers, request.rawHeaders, { fromEdge, verified });
  const admitted = { peer, user, txn, method: request.method ?? 'GET', target, headers, audience };
  decide(options, admitted, request.socket, facts);
  return admitted;
}

function noteUser(facts: Facts, token: VerifiedToken | undefined): void {
  if (token === undefined) return;
  if (token.txn !== undefined) facts.txn = token.txn;
  Object.assign(facts, { user: token.user.toString(), tenant: token.tenant, proof: 'x509-svid + txn-token' });
}

function verifiedNames({ txnToken, internalJwt }: RequestingUser, traced: boolean): ReadonlySet<string> {
  const names = new Set<string>();
  if (txnToken !== undefined) names.add('txn-token');
  if (internalJwt !== undefined) names.add('authorization');
  if (traced) names.add('traceparent');
  return names;
}

/** Throws `POLICY_…`. */
function decide(options: ServeOptions, admitted: Admitted, socket: Socket, facts: Facts): void {
  const { audience, user, peer, method, target, headers } = admitted;
  const token = user.txnToken;
  const decision = options.enforcement.reach(audience)?.decide({
    workload: options.self(),
    principal: peer.id.toString(),
    ...(token === undefined
      ? {}
      : { requestPrincipal: { iss: token.issuer, sub: token.user.toString() }, claims: token.claims }),
    ...(socket.remoteAddress === undefined ? {} : { sourceIp: socket.remoteAddress }),
    method,
    path: target.path,
    host: target.authority,
    ...(socket.localPort === undefined ? {} : { port: socket.localPort }),
    headers: flat(headers),
  });
  if (decision === undefined) throw new Fault('POLICY_UNAVAILABLE', 'no policy has been received yet');
  if (decision.rule !== undefined) facts.rule = decision.rule;
  if (decision.audited !== undefined) facts.detail = { audited: decision.audited };
  if (decision.effect === 'deny') throw new Fault(decision.code, reasonCode(decision.code).meaning);
}

function flat(headers: Fields): Record<string, string> {
  const out: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers))
    if (value !== undefined) out[name] = Array.isArray(value) ? value.join(',') : value;
  return out;
}
