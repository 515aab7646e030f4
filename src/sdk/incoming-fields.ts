import { assertSingleFields, fieldsOf, isIdentityName, normalName } from '#http';
import { Fault } from '#kernel';

export type Fields = Readonly<Record<string, string | string[] | undefined>>;

/** Fields that carry a credential, an identity or the framing: more than one of any is ambiguous. */
const SINGLE: ReadonlySet<string> = new Set([
  ...['txn-token', 'authorization', 'proxy-authorization', 'host', 'content-length', 'traceparent'],
  ...['x-user-id', 'x-spiffe-id', 'x-user-roles', 'x-session-id'],
]);

/**
 * Node joins or drops doubled fields silently, so they are counted as they came, in every spelling.
 * Throws `TOKEN_DUPLICATED`, `REQUEST_CREDENTIALS_DOUBLED` or `REQUEST_AMBIGUOUS`.
 */
export function assertReadable(rawHeaders: readonly string[]): void {
  const fields = fieldsOf(rawHeaders);
  const seen = new Set<string>();
  for (const { name } of fields) {
    const normal = normalName(name);
    if (!SINGLE.has(normal)) continue;
    const code = normal === 'txn-token' ? 'TOKEN_DUPLICATED' : 'REQUEST_CREDENTIALS_DOUBLED';
    if (seen.has(normal)) throw new Fault(code, 'a field that carries an identity occurs twice');
    seen.add(normal);
  }
  assertSingleFields(fields);
}

export interface Proven {
  /** The peer signed the user's token of this very request: it is the edge that this trust domain registered. */
  readonly fromEdge: boolean;
  /** Identity names, lower case, whose values were verified here. */
  readonly verified: ReadonlySet<string>;
}

/**
 * The header as policy and handler see it. Of the names that say who someone is (`#http`), in whatever spelling, there remain: those whose value was
 * verified here; and, spelled plainly and once, those of the edge that minted this request's token. Everything else of that kind is a stranger's
 * word, also when the stranger is another service, and is gone.
 */
export function incomingFields(headers: Fields, rawHeaders: readonly string[], { fromEdge, verified }: Proven): Fields {
  const kept: Record<string, string | string[] | undefined> = {};
  const doubled = fromEdge ? doubledNames(rawHeaders) : undefined;
  for (const [name, value] of Object.entries(headers)) {
    const isPlain = normalName(name) === name && doubled?.has(name) === false;
    if (!isIdentityName(name) || verified.has(name) || isPlain) kept[name] = value;
  }
  return kept;
}

function doubledNames(rawHeaders: readonly string[]): ReadonlySet<string> {
  const [seen, doubled] = [new Set<string>(), new Set<string>()];
  for (const { name } of fieldsOf(rawHeaders)) {
    const normal = normalName(name);
    if (seen.has(normal)) doubled.add(normal);
    seen.add(normal);
  }
  return doubled;
}
