import { Fault } from '#kernel';

/** What a request asks for, in the one spelling that is judged and forwarded. */
export interface CanonicalTarget {
  /** Lower-case host name without port. */
  readonly host: string;
  /** Host and port as the client wrote them, lower case: the authority of links back to it. */
  readonly authority: string;
  /** Starts with a slash; no dot segments, no empty segments, upper-case percent-encodings of nothing that could stand plain. */
  readonly path: string;
  /** With its `?`, or empty. */
  readonly search: string;
}

export interface RawTarget {
  /** The request target as received. */
  readonly target: string;
  /** Every value of a Host field. */
  readonly hosts: readonly string[];
  readonly scheme: 'http' | 'https';
}

const AUTHORITY =
  /^([a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?)*)(?::([0-9]{1,5}))?$/;
const UNRESERVED = /^[A-Za-z0-9._~-]$/;
/** RFC 3986 §3.3 `pchar` and the slash, without `;`: servlet containers cut path parameters off before they match. */
const PATH = /^(?:[A-Za-z0-9._~!$&'()*+,=:@/-]|%[0-9A-Fa-f]{2})*$/;
const QUERY = /^(?:[!"$&-[\]-~]|%[0-9A-Fa-f]{2})*$/;
/** Encoded: controls, slash, backslash, percent, semicolon, question and number sign, which some reader downstream would decode into structure. */
const STRUCTURAL = /%(?:[01][0-9a-f]|7f|2f|5c|25|3b|3f|23)/i;

/**
 * Reads a request target (RFC 9112 §3.2). Whatever two readers could take for two paths is refused with `REQUEST_AMBIGUOUS`: escaped slashes and
 * dots that form segments, backslashes, controls, fragments, path parameters, malformed or overlong encodings, doubled or disagreeing hosts.
 */
export function canonicalTarget(raw: RawTarget): CanonicalTarget {
  const [hostField, ...more] = raw.hosts;
  if (hostField === undefined || more.length > 0) throw ambiguous('a request names one host');
  const authority = hostField.toLowerCase();
  const host = AUTHORITY.exec(authority)?.[1];
  if (host === undefined) throw ambiguous('the host is not a name');
  const origin = originForm(raw, authority);
  const question = origin.indexOf('?');
  const rawPath = question < 0 ? origin : origin.slice(0, question);
  const search = question < 0 ? '' : origin.slice(question);
  if (!QUERY.test(search) || /%0[0ad]/i.test(search)) throw ambiguous('the query is malformed');
  return { host, authority, path: canonicalPath(rawPath), search: search === '?' ? '' : search };
}

/** A path in its canonical spelling. Throws `REQUEST_AMBIGUOUS`. */
export function canonicalPath(rawPath: string): string {
  if (!rawPath.startsWith('/') || !PATH.test(rawPath)) throw ambiguous('the path is malformed');
  if (STRUCTURAL.test(rawPath)) throw ambiguous('the path hides a separator');
  const path = rawPath.includes('%') ? decodeUnreserved(rawPath) : rawPath;
  return resolveSegments(path);
}

function originForm({ target, scheme }: RawTarget, authority: string): string {
  if (target.startsWith('/')) return target;
  const match = /^([a-z]+):\/\/([^/?#]*)([/?].*)?$/i.exec(target);
  if (match === null || match[1]?.toLowerCase() !== scheme || match[2]?.toLowerCase() !== authority)
    throw ambiguous('the target disagrees with the host');
  const rest = match[3] ?? '/';
  return rest.startsWith('/') ? rest : `/${rest}`;
}

/** RFC 3986 §6.2.2: decodes what need not be encoded, writes the rest in upper case, and refuses bytes that are not UTF-8. */
function decodeUnreserved(path: string): string {
  const text = decodeUtf8(path);
  if (/[\u0080-\u009f]/.test(text)) throw ambiguous('the path holds a control character');
  const folded = text.normalize('NFKC');
  // A fullwidth slash or dot becomes a separator in readers that fold compatibility characters.
  if (count(folded, /[/\\%;?#]/g) !== count(text, /[/\\%;?#]/g) || hasDotSegment(folded) !== hasDotSegment(text))
    throw ambiguous('the path hides a separator');
  const decoded = path.replaceAll(/%[0-9A-Fa-f]{2}/g, (triplet) => {
    const character = String.fromCharCode(Number.parseInt(triplet.slice(1), 16));
    return UNRESERVED.test(character) ? character : triplet.toUpperCase();
  });
  if (count(decoded, /\./g) !== count(path, /\./g) && hasDotSegment(decoded))
    throw ambiguous('the path hides a dot segment');
  return decoded;
}

function decodeUtf8(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch (cause) {
    throw new Fault('REQUEST_AMBIGUOUS', 'the path is not UTF-8', { cause });
  }
}

function hasDotSegment(path: string): boolean {
  return /(?:^|\/)\.\.?(?:\/|$)/.test(path);
}

function count(text: string, pattern: RegExp): number {
  return text.match(pattern)?.length ?? 0;
}

/** RFC 3986 §5.2.4 with empty segments merged; a path that climbs above its root is refused. */
function resolveSegments(path: string): string {
  if (!path.includes('//') && !path.includes('/.')) return path;
  const out: string[] = [];
  const segments = path.slice(1).split('/');
  for (const [index, segment] of segments.entries()) {
    const last = index === segments.length - 1;
    if (segment === '..') {
      if (out.pop() === undefined) throw ambiguous('the path climbs above its root');
      if (last) out.push('');
    } else if (segment === '.' || segment === '') {
      if (last) out.push('');
    } else out.push(segment);
  }
  return `/${out.join('/')}`;
}

function ambiguous(message: string): Fault {
  return new Fault('REQUEST_AMBIGUOUS', message);
}
