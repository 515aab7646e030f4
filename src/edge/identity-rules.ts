import { Fault } from '#kernel';
import { SpiffeId } from '#spiffe';

/** Who signed in, as the rules map the provider's claims. */
export interface User {
  readonly spiffeId: SpiffeId;
  /** Trust domain. */
  readonly tenant: string;
  readonly email?: string;
  readonly name?: string;
  readonly roles: readonly string[];
  readonly permissions: readonly string[];
  readonly scope: readonly string[];
  readonly allowedServices?: readonly string[];
}

export interface IdentityRule {
  readonly when: { readonly claim: string; readonly equals: string };
  /** With `{claim}` in it. */
  readonly spiffeId: string;
  readonly tenant: string;
}

type Claims = Readonly<Record<string, unknown>>;

/** One path segment: a claim with a slash, a dot segment or anything to be encoded could name somebody else. */
const SEGMENT = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,128}$/;

/** The first rule that matches decides. Throws `LOGIN_USER_UNKNOWN` when none does or its template cannot be filled in. */
export function mapUser(rules: readonly IdentityRule[], claims: Claims, scope: readonly string[]): User {
  const rule = rules.find(({ when }) => claimText(claims, when.claim) === when.equals);
  if (rule === undefined) throw unknown('no rule maps this user to an identity');
  const text = rule.spiffeId.replaceAll(/\{([^}]*)\}/g, (_whole, claim: string) => {
    const value = claimText(claims, claim);
    if (value === undefined || !SEGMENT.test(value)) throw unknown('a claim cannot be part of an identity');
    return value;
  });
  const spiffeId = parseUserId(text);
  if (spiffeId.trustDomain !== rule.tenant) throw unknown('the identity is of another trust domain than its tenant');
  const { name } = claims;
  const email = claimText(claims, 'email');
  return {
    spiffeId,
    tenant: rule.tenant,
    ...(email === undefined ? {} : { email }),
    ...(typeof name === 'string' ? { name } : {}),
    roles: texts(claims.roles),
    permissions: texts(claims.permissions),
    scope,
    ...(claims.allowed_services === undefined ? {} : { allowedServices: texts(claims.allowed_services) }),
  };
}

/** An e-mail address that the provider has not verified says nothing about who someone is. */
function claimText(claims: Claims, claim: string): string | undefined {
  if (!Object.hasOwn(claims, claim)) return undefined;
  if (claim === 'email' && claims.email_verified !== true) return undefined;
  const value = claims[claim];
  if (typeof value === 'string') return value;
  return typeof value === 'number' && Number.isSafeInteger(value) ? String(value) : undefined;
}

function parseUserId(text: string): SpiffeId {
  try {
    return SpiffeId.parse(text);
  } catch (cause) {
    throw new Fault('LOGIN_USER_UNKNOWN', 'the claims make no identity', { cause });
  }
}

function texts(value: unknown): readonly string[] {
  if (typeof value === 'string') return value === '' ? [] : [value];
  return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : [];
}

function unknown(message: string): Fault {
  return new Fault('LOGIN_USER_UNKNOWN', message);
}
