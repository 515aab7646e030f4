import { Fault } from '#kernel';

/** Header of a compact JWS, read only to choose the key; nothing of it is trusted. Throws `TOKEN_MALFORMED`. */
export function readHeader(token: string): Record<string, unknown> {
  return readPart(token, 0);
}

/** Payload of a token whose signature has been verified. Throws `TOKEN_MALFORMED`. */
export function parsePayload(token: string): Record<string, unknown> {
  return readPart(token, 1);
}

function readPart(token: string, index: 0 | 1): Record<string, unknown> {
  const parts = token.split('.');
  const part = parts[index];
  if (parts.length !== 3 || part === undefined || !parts.every(isBase64url)) throw malformed();
  const text = Buffer.from(part, 'base64url').toString('utf8');
  const value = parseJson(text);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw malformed();
  assertUniqueKeys(text, value);
  return { ...value };
}

/** RFC 4648 §3.5: bits that decode to nothing must be zero, or one token could be spelled in several ways, its signature too. */
function isBase64url(part: string): boolean {
  return /^[A-Za-z0-9_-]+$/.test(part) && Buffer.from(part, 'base64url').toString('base64url') === part;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw malformed(cause);
  }
}

/** RFC 7519 §4: duplicate claim names are refused. `JSON.parse` keeps the last silently, so keys are counted in the text. */
function assertUniqueKeys(text: string, value: object): void {
  if (countKeys(text) !== countKeys(JSON.stringify(value))) throw malformed();
}

/** Strings that a colon follows: in JSON these are keys, and a colon inside of a string is never after its closing quote. */
function countKeys(json: string): number {
  return [...json.matchAll(/"(?:[^"\\]|\\.)*"(\s*:)?/g)].filter((match) => match[1] !== undefined).length;
}

function malformed(cause?: unknown): Fault {
  return new Fault('TOKEN_MALFORMED', 'the token is not well-formed', cause === undefined ? {} : { cause });
}
