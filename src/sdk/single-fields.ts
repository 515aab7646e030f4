import { Fault } from '#kernel';

/** Fields that carry a credential or an identity: more than one of any is ambiguous. */
const SINGLE = [
  'txn-token',
  'authorization',
  'host',
  'content-length',
  'traceparent',
  'x-user-id',
  'x-spiffe-id',
  'x-user-roles',
  'x-session-id',
];

/**
 * Node joins or drops doubled fields silently, so they are counted as they came; underscores count as the hyphens that some readers make of them.
 * Throws `TOKEN_DUPLICATED` or `REQUEST_CREDENTIALS_DOUBLED`.
 */
export function assertSingleFields(rawHeaders: readonly string[]): void {
  const seen = new Set<string>();
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = (rawHeaders[index] ?? '').toLowerCase().replaceAll('_', '-');
    if (!SINGLE.includes(name)) continue;
    const code = name === 'txn-token' ? 'TOKEN_DUPLICATED' : 'REQUEST_CREDENTIALS_DOUBLED';
    if (seen.has(name)) throw new Fault(code, 'a field that carries an identity occurs twice');
    seen.add(name);
  }
}
