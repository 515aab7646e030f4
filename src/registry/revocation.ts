import { Fault, LIMITS } from '#kernel';
import { SpiffeId } from '#spiffe';
import { REVOCATION_KINDS, type RevocationResource, revocationKey } from '#wire';

interface Filed {
  readonly key: string;
  readonly body: unknown;
  /** Path prefix of the trust domain's users. */
  readonly userPath: string;
}

/**
 * A revocation as it comes to stand: what it is about is named so that an enforcement point can meet it. Throws `REVOCATION_INVALID`, naming
 * the rule.
 */
export function parseRevocation(trustDomain: string, { key, body, userPath }: Filed): RevocationResource {
  if (!isShape(body)) throw invalid('it needs kind, value and revokedAt');
  const { kind, value, revokedAt, reason, expiresAt } = body;
  if (revocationKey(body) !== key) throw invalid('its kind and value are not the key that it is filed under');
  assertText(value, 'what it is about');
  if (value === '') throw invalid('what it is about is not named');
  if (kind === 'user' || kind === 'workload') assertId(trustDomain, body, userPath);
  if (reason !== undefined) assertText(reason, 'its reason');
  if (kind === 'minter' && value.startsWith('spiffe://')) parse(value);
  if (expiresAt !== undefined && expiresAt <= revokedAt) throw invalid('it expires before it begins');
  return {
    kind,
    value,
    revokedAt,
    ...(reason === undefined || reason === '' ? {} : { reason }),
    ...(expiresAt === undefined ? {} : { expiresAt }),
  };
}

/** Enforcement points compare whole ids: one that nobody can have would revoke nothing, and say nothing of it. */
function assertId(trustDomain: string, { kind, value }: RevocationResource, userPath: string): void {
  const id = parse(value);
  if (id.trustDomain !== trustDomain) throw invalid('its id is of another trust domain');
  if (id.path === '' || id.isUnder('/spire/')) throw invalid('its id is neither a user nor a workload');
  if (id.isUnder(userPath) !== (kind === 'user'))
    throw invalid(kind === 'user' ? `ids of users are under ${userPath}` : `ids under ${userPath} are of users`);
}

function parse(text: string): SpiffeId {
  try {
    return SpiffeId.parse(text);
  } catch (cause) {
    throw new Fault('REVOCATION_INVALID', 'the revocation is not acceptable: it is not about a SPIFFE ID', { cause });
  }
}

/** It is printed in tables: one line. */
function assertText(text: string, what: string): void {
  if (Buffer.byteLength(text) > LIMITS.revocationValueBytes.value) throw invalid(`${what} is too long`);
  if (/\p{Cc}/u.test(text)) throw invalid(`${what} has control characters`);
}

function isShape(value: unknown): value is RevocationResource {
  if (typeof value !== 'object' || value === null) return false;
  const {
    kind,
    value: about,
    revokedAt,
    reason,
    expiresAt,
  }: Partial<Record<keyof RevocationResource, unknown>> = value;
  return (
    REVOCATION_KINDS.some((one) => one === kind) &&
    typeof about === 'string' &&
    isSeconds(revokedAt) &&
    (reason === undefined || typeof reason === 'string') &&
    (expiresAt === undefined || isSeconds(expiresAt))
  );
}

/** To the end of the year 9999: later moments have no form in which people could be told of them (RFC 3339). */
const LAST_SECOND = 253_402_300_799;

function isSeconds(value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 0 && Number(value) <= LAST_SECOND;
}

function invalid(rule: string): Fault {
  return new Fault('REVOCATION_INVALID', `the revocation is not acceptable: ${rule}`);
}
