import type { PeerCredentials } from '#rpc';

/** How receipts name whoever opened the operators' socket. */
export function operator({ uid, pid }: PeerCredentials): string {
  return `operator uid ${uid} pid ${pid}`;
}
