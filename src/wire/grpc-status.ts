import type { IncomingHttpHeaders } from 'node:http2';
import { Fault } from '#kernel';

/** Fault codes for statuses of peers that send none of ours, by gRPC status number. */
const NEAREST: Readonly<Record<number, string>> = {
  1: 'UPSTREAM_UNAVAILABLE',
  3: 'ARGUMENT_INVALID',
  4: 'DEADLINE_EXCEEDED',
  5: 'NOT_FOUND',
  6: 'ALREADY_EXISTS',
  7: 'IDENTITY_NO_ENTRY',
  8: 'LIMIT_EXCEEDED',
  14: 'UPSTREAM_UNAVAILABLE',
  16: 'AGENT_NOT_ATTESTED',
};

const UNKNOWN = 2;

/** The fault that a call's trailers report, or undefined for success. The server's own code comes in `hauberk-code`. */
export function faultOfTrailers(trailers: IncomingHttpHeaders): Fault | undefined {
  const text = header(trailers, 'grpc-status') ?? '';
  // Nothing but a number is success or the like: an empty field reads as zero.
  const status = /^\d{1,3}$/.test(text) ? Number(text) : UNKNOWN;
  if (status === 0) return undefined;
  const code = header(trailers, 'hauberk-code') ?? NEAREST[status] ?? 'INTERNAL_ERROR';
  const message = decode(header(trailers, 'grpc-message') ?? '').replace(/^[A-Z_]+: /, '');
  const id = header(trailers, 'hauberk-id');
  const details = {
    ...parse(decode(header(trailers, 'hauberk-details') ?? '{}')),
    ...(id === undefined ? {} : { id }),
    grpcStatus: status,
  };
  return new Fault(code, message === '' ? 'the call failed' : message, { details });
}

function header(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value[0] : value;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function parse(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}
