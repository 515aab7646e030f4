import { type Random, randomHex } from '#kernel';

/** The id of one transaction: 32 lower-case hexadecimal digits, so that it is also a W3C trace id and a UUID without dashes. */
export type Txn = string;

const TXN = /^[0-9a-f]{32}$/;
const SPAN = /^[0-9a-f]{16}$/;

export function newTxn(random: Random): Txn {
  return randomHex(random, 16);
}

export function isTxn(value: unknown): value is Txn {
  return typeof value === 'string' && TXN.test(value) && !/^0+$/.test(value);
}

/** One link's place in the chain: 16 lower-case hexadecimal digits, a W3C parent id. */
export function newSpan(random: Random): string {
  return randomHex(random, 8);
}

export function isSpan(value: unknown): value is string {
  return typeof value === 'string' && SPAN.test(value) && !/^0+$/.test(value);
}

/** Id, transaction and span of a receipt that begins a chain of its own. */
export function newLink(random: Random): { readonly id: string; readonly txn: Txn; readonly span: string } {
  const hex = randomHex(random, 40);
  return { id: hex.slice(0, 32), txn: hex.slice(32, 64), span: hex.slice(64) };
}

/** `traceparent` of W3C Trace Context §3.2: how the chain's order travels from hop to hop. It orders links; it never authorizes. */
export function formatTraceparent(txn: Txn, span: string): string {
  return `00-${txn}-${span}-01`;
}

/** The parent span named by a `traceparent` header of the same transaction, or undefined when it is absent, malformed or of another one. */
export function parentSpanOf(header: string | undefined, txn: Txn): string | undefined {
  const match = /^00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}$/.exec(header ?? '');
  if (match?.[1] !== txn || !isSpan(match[2])) return undefined;
  return match[2];
}
