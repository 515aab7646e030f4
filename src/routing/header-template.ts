import { Fault } from '#kernel';

/** Claims of the token that a template reads. */
export type Claims = Readonly<Record<string, unknown>>;

/** A header value made from claims; undefined when a claim it needs is absent, so that no half-made identity goes on. */
export type HeaderTemplate = (claims: Claims) => string | undefined;

const PLACE = /\{\{-?\s*\.token\.(?:Claims\.)?([A-Za-z_][A-Za-z0-9_]*)\s*-?\}\}/g;
const RESERVED: ReadonlySet<string> = new Set(['Raw', 'Header', 'Claims', 'Signature']);
/** RFC 9110 §5.5 `field-vchar` and blanks inside: a claim can neither end the line nor smuggle bytes beyond ASCII. */
const FIELD_VALUE = /^[!-~](?:[ -~]*[!-~])?$/;

/**
 * Compiles `{{ .token.sub }}` and `{{ .token.Claims.sub }}`, with text around. Lists are joined by commas. Throws `CONFIG_INVALID` for any
 * other template action. The template throws `TOKEN_CLAIM_INVALID` for a claim that cannot stand in a header.
 */
export function compileHeaderTemplate(source: string): HeaderTemplate {
  const rest = source.replaceAll(PLACE, '');
  const names = [...source.matchAll(PLACE)].map((match) => match[1] ?? '');
  if (
    rest.includes('{{') ||
    rest.includes('}}') ||
    names.some((name) => RESERVED.has(name)) ||
    /[^\x20-\x7e]/.test(rest)
  )
    throw new Fault('CONFIG_INVALID', `"${source}" is not a template of the form {{ .token.<claim> }}`);
  return (claims) => {
    if (names.some((name) => textOf(claims, name) === undefined)) return undefined;
    const value = source.replaceAll(PLACE, (_whole, name: string) => textOf(claims, name) ?? '');
    if (!FIELD_VALUE.test(value)) throw new Fault('TOKEN_CLAIM_INVALID', 'a claim cannot stand in a header');
    return value;
  };
}

function textOf(claims: Claims, name: string): string | undefined {
  const value = Object.hasOwn(claims, name) ? claims[name] : undefined;
  if (Array.isArray(value)) return listText(value);
  if (typeof value === 'string') return value === '' ? undefined : value;
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined;
}

/** An item with a comma would read as two. */
function listText(items: readonly unknown[]): string | undefined {
  if (items.some((item) => typeof item !== 'string' || item === '' || item.includes(',')))
    throw new Fault('TOKEN_CLAIM_INVALID', 'a claim cannot stand in a header');
  return items.length === 0 ? undefined : items.join(',');
}
