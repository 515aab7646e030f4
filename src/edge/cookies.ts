import { Fault } from '#kernel';

/** RFC 6265bis §4.1.3.2: bound to the host, whole path, Secure. */
export const SESSION_COOKIE = '__Host-hauberk';
export const LOGIN_COOKIE_PREFIX = '__Host-hauberk-login-';

export interface Cookie {
  readonly name: string;
  readonly value: string;
}

/** The pairs of every Cookie field, in order. */
export function parseCookies(fields: readonly string[]): readonly Cookie[] {
  return fields
    .flatMap((field) => field.split(';'))
    .map((pair) => pair.trim())
    .filter((pair) => pair !== '')
    .map((pair) => {
      const equals = pair.indexOf('=');
      return equals < 0
        ? { name: '', value: pair }
        : { name: pair.slice(0, equals).trim(), value: pair.slice(equals + 1).trim() };
    });
}

/** The one cookie of this name. Several of one name mean that somebody tossed one in: `REQUEST_CREDENTIALS_DOUBLED`. */
export function findCookie(cookies: readonly Cookie[], name: string): string | undefined {
  const found = cookies.filter((cookie) => cookie.name.toLowerCase() === name.toLowerCase());
  if (found.length > 1) throw new Fault('REQUEST_CREDENTIALS_DOUBLED', 'the request carries more than one session');
  return found[0]?.name === name ? found[0].value : undefined;
}

/** What of the cookies a service may see: none of ours. */
export function foreignCookies(cookies: readonly Cookie[]): string {
  return cookies
    .filter(({ name }) => !isOwnCookie(name))
    .map(({ name, value }) => (name === '' ? value : `${name}=${value}`))
    .join('; ');
}

/** Browsers compare prefixes in any case (RFC 6265bis §5.5), so we do too. */
export function isOwnCookie(name: string): boolean {
  return name.toLowerCase().startsWith(SESSION_COOKIE.toLowerCase());
}

export function setCookie(name: string, value: string, maxAgeSeconds: number): string {
  return `${name}=${value}; Path=/; Max-Age=${maxAgeSeconds}; HttpOnly; Secure; SameSite=Lax`;
}

export function clearCookie(name: string): string {
  return setCookie(name, '', 0);
}
