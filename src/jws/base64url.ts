/**
 * Decodes base64url without padding (RFC 7515 §2). Undefined for anything that is not the one spelling of its bytes: other characters,
 * padding, and trailing bits that are not zero (RFC 4648 §3.5), by which one token could be spelled in several ways.
 */
export function decodeBase64url(text: string): Buffer | undefined {
  if (!ALPHABET.test(text)) return undefined;
  const bytes = Buffer.from(text, 'base64url');
  return bytes.toString('base64url') === text ? bytes : undefined;
}

const ALPHABET = /^[A-Za-z0-9_-]*$/;
