import { readFileSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { LIMITS } from '#kernel';
import type { QuotaSize } from './quota.ts';

/** What the peers of one listener may have at once. */
export interface DoorLimits {
  readonly connections: QuotaSize;
  /** Bytes that are held for calls: see `held-bytes.ts`. */
  readonly heldBytes: QuotaSize;
  readonly messageMillis: number;
}

/** Of peers that have not proven who they are: less, and not for long. */
export interface StrangerLimits extends DoorLimits {
  readonly idleMillis: number;
  readonly connectionMillis: number;
}

/** Descriptors that a process needs beside its callers' connections. */
const RESERVE = 512;
/** One peer must not be able to take them all. */
const SHARE_OF_ONE = 0.75;

const messageMillis = LIMITS.messageSeconds.value * 1000;

export function unixLimits(): DoorLimits {
  return {
    connections: connectionsWithin({
      total: LIMITS.unixConnections.value,
      ofOne: LIMITS.unixConnectionsPerUser.value,
    }),
    heldBytes: { total: LIMITS.unixHeldBytes.value, ofOne: LIMITS.unixHeldBytesPerUser.value },
    messageMillis,
  };
}

export function tlsLimits(): DoorLimits {
  return {
    connections: connectionsWithin({
      total: LIMITS.tlsConnections.value,
      ofOne: LIMITS.tlsConnectionsPerAddress.value,
    }),
    heldBytes: { total: LIMITS.tlsHeldBytes.value, ofOne: LIMITS.tlsHeldBytesPerAddress.value },
    messageMillis,
  };
}

export function strangerLimits(): StrangerLimits {
  return {
    connections: connectionsWithin({
      total: LIMITS.strangerConnections.value,
      ofOne: LIMITS.strangerConnectionsPerAddress.value,
    }),
    heldBytes: { total: LIMITS.strangerHeldBytes.value, ofOne: LIMITS.strangerHeldBytesPerAddress.value },
    messageMillis,
    idleMillis: LIMITS.strangerIdleSeconds.value * 1000,
    connectionMillis: LIMITS.strangerConnectionSeconds.value * 1000,
  };
}

/** As many as descriptors allow (RLIMIT_NOFILE), and not more than the table says. */
export function connectionsWithin(size: QuotaSize, descriptors: number = descriptorLimit()): QuotaSize {
  const total = Math.max(1, Math.min(size.total, descriptors - RESERVE));
  return { total, ofOne: Math.max(1, Math.min(size.ofOne, Math.floor(total * SHARE_OF_ONE))) };
}

/** Who owns one IPv6 address owns the /64 around it (RFC 4291 §2.5.1). */
export function peerOfAddress(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined || !isIPv6(address)) return mapped ?? address;
  const [head = '', tail] = (address.split('%')[0] ?? '').split('::');
  const groups = (text: string | undefined): string[] => (text ? text.split(':') : []);
  const [before, after] = [groups(head), groups(tail)];
  const missing = Array.from({ length: Math.max(0, 8 - before.length - after.length) }, () => '0');
  return `${[...before, ...(tail === undefined ? [] : missing), ...after].slice(0, 4).join(':')}::/64`;
}

/** proc(5), `/proc/self/limits`: Node raises the soft limit to the hard one when it starts. */
function descriptorLimit(): number {
  try {
    const soft = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1];
    return soft === undefined ? Number.MAX_SAFE_INTEGER : Number(soft);
  } catch {
    return 1024;
  }
}
