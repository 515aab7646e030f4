import { isIP } from 'node:net';
import { Fault } from '#kernel';

/** Where a Workload API listens (SPIFFE Workload Endpoint §4). */
export type EndpointAddress =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number };

/** An address that is given outright goes before `SPIFFE_ENDPOINT_SOCKET` (E-5). Throws `ENDPOINT_ADDRESS_INVALID`. */
export function findEndpointAddress(
  given: string | undefined,
  environment: string | undefined,
): EndpointAddress | undefined {
  const uri = given ?? environment;
  return uri === undefined ? undefined : parseEndpointAddress(uri);
}

/**
 * Parses `unix:///absolute/path` (or `unix:/absolute/path`) and `tcp://<IP address>:<port>`, which have no other part (E-6 to E-8): a name
 * would be resolved by somebody else, a path without root be another one elsewhere. Throws `ENDPOINT_ADDRESS_INVALID`.
 */
export function parseEndpointAddress(uri: string): EndpointAddress {
  const unix = /^unix:(?:\/\/)?(\/(?!\/)[^?#]*)$/.exec(uri)?.[1];
  if (unix !== undefined) return { kind: 'unix', path: decode(unix) };
  const tcp = /^tcp:\/\/(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(uri);
  const [, ipv6, ipv4] = tcp ?? [];
  const port = Number(tcp?.[3]);
  const host = ipv6 ?? ipv4 ?? '';
  if (isIP(host) === (ipv6 === undefined ? 4 : 6) && port > 0 && port <= 65_535) return { kind: 'tcp', host, port };
  throw invalid();
}

/** RFC 3986 §2.1; the system ends a path at the first zero byte. */
function decode(path: string): string {
  try {
    const decoded = decodeURIComponent(path);
    if (!decoded.includes('\0')) return decoded;
  } catch (cause) {
    throw invalid(cause);
  }
  throw invalid();
}

function invalid(cause?: unknown): Fault {
  const message = 'the address of a Workload API has the form unix:///absolute/path or tcp://<IP address>:<port>';
  return new Fault('ENDPOINT_ADDRESS_INVALID', message, cause === undefined ? {} : { cause });
}
