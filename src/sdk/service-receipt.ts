import { newSpan, newTxn, type Receipt } from '#chain';
import { type Fault, randomHex } from '#kernel';
import type { ServeOptions } from './serve-options.ts';

/** Facts of one request as they are found out; what is known so far is in the receipt of whatever fails. */
export type Facts = { -readonly [K in keyof Receipt]?: Receipt[K] };

type Parts = Pick<ServeOptions, 'identity' | 'clock' | 'random' | 'reserve'>;

export function newReceipt(parts: Parts, facts: Facts & Pick<Receipt, 'effect' | 'code'>): Receipt {
  const { id } = parts.identity;
  return {
    id: randomHex(parts.random, 16),
    txn: facts.txn ?? newTxn(parts.random),
    span: facts.span ?? newSpan(parts.random),
    kind: 'service',
    trustDomain: id.trustDomain,
    workload: id.toString(),
    startedAt: facts.startedAt ?? new Date(parts.clock.now()).toISOString(),
    durationUs: 0,
    ...facts,
  };
}

/** What a verifier found, for whoever asks why. A handler's own faults may hold anything, and are not noted. */
export function noteFault(facts: Facts, { code, details }: Fault): void {
  if (!/^(TOKEN|PEER|MINTER)_/.test(code) || Object.keys(details).length === 0) return;
  facts.detail = { ...facts.detail, ...details };
}

/** A denial stands whether or not there is room for its receipt. */
export function leaveDenial(parts: Parts, receipt: Receipt): void {
  try {
    parts.reserve()(receipt);
  } catch {
    // Full: the agent has been away for long, and what fails closed needs no receipt to be safe.
  }
}
