import { attestProcess, type WorkloadAttestor } from '#attestation';
import { newSpan, newTxn, type ReasonCodeName, type Receipt } from '#chain';
import { type Clock, type Closeable, Fault, LIMITS, type Log, type Random, randomHex } from '#kernel';
import type { PeerCredentials } from '#rpc';
import { formatSelector, parseSelector, type Selector, selectorsMatch } from '#spiffe';
import type { EntryResource } from '#wire';
import type { Membership } from './membership.ts';
import { ReceiptQueue } from './receipt-queue.ts';

/** An identity that a caller is entitled to. */
export interface Entitlement {
  readonly membership: Membership;
  readonly entry: EntryResource;
}

export interface NodeOptions {
  readonly memberships: readonly Membership[];
  readonly attestors: readonly WorkloadAttestor[];
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

const ATTESTATION_MILLIS = 5000;

/** What the agent's services share: who a caller is, what it may have, and the receipts on their way to the server. */
export class AgentNode implements Closeable {
  readonly options: NodeOptions;
  readonly receipts: ReceiptQueue;

  constructor(options: NodeOptions) {
    this.options = options;
    this.receipts = new ReceiptQueue(options.memberships, options.log);
  }

  /** Selectors of the process at the other end, by the kernel and the attestors; within a deadline, so that none holds up another. */
  selectors(caller: PeerCredentials): Promise<readonly Selector[]> {
    return attestProcess(this.options.attestors, caller, AbortSignal.timeout(ATTESTATION_MILLIS));
  }

  /** Entries that match, in order of trust domain and entry id. */
  entitlements(selectors: readonly Selector[]): readonly Entitlement[] {
    return this.options.memberships.flatMap((membership) =>
      membership.resources
        .entries()
        .filter((entry) => selectorsMatch(entry.selectors.map(parseSelector), selectors))
        .sort((a, b) => (a.id < b.id ? -1 : 1))
        .map((entry) => ({ membership, entry })),
    );
  }

  /** As `entitlements`, but a caller with none is denied: with its own selectors, an id, and a receipt. Throws `IDENTITY_NO_ENTRY`. */
  async entitled(caller: PeerCredentials): Promise<readonly Entitlement[]> {
    const selectors = await this.selectors(caller);
    const found = this.entitlements(selectors);
    if (found.length > 0) return found;
    if (this.options.memberships.every(({ resources }) => resources.revision === 0n)) {
      throw new Fault('IDENTITY_UNAVAILABLE', 'the agent has not heard from its server yet');
    }
    const seen = selectors.map(formatSelector);
    const id = this.#deny('IDENTITY_NO_ENTRY', { pid: caller.pid, selectors: seen });
    throw new Fault('IDENTITY_NO_ENTRY', 'no registration entry matches this process', {
      details: { id, selectors: seen },
    });
  }

  /** Calls back when anything changes that could change an answer. */
  onChange(listener: () => void): () => void {
    const stops = this.options.memberships.map((membership) => membership.onChange(listener));
    return () => {
      for (const stop of stops) stop();
    };
  }

  async close(): Promise<void> {
    await this.receipts.close();
    for (const membership of this.options.memberships) await membership.close();
  }

  #deny(code: ReasonCodeName, detail: Readonly<Record<string, unknown>>): string {
    const { random, clock, memberships } = this.options;
    const receipt: Receipt = {
      id: randomHex(random, 16),
      txn: newTxn(random),
      span: newSpan(random),
      kind: 'workload-api',
      trustDomain: memberships[0]?.name ?? '',
      effect: 'deny',
      code,
      startedAt: new Date(clock.now()).toISOString(),
      durationUs: 0,
      detail,
    };
    this.receipts.add([receipt]);
    return receipt.id;
  }
}

/** Parses what an enforcement point reports and stamps who reported it. Throws `ARGUMENT_INVALID`, `LIMIT_EXCEEDED`. */
export function stampReceipts(
  receiptsJson: readonly string[],
  via: readonly string[],
  trustDomains: readonly string[],
): readonly Receipt[] {
  if (receiptsJson.length > LIMITS.receiptBatch.value)
    throw new Fault('LIMIT_EXCEEDED', 'too many receipts in one report');
  return receiptsJson.map((json) => {
    if (Buffer.byteLength(json) > LIMITS.receiptBytes.value)
      throw new Fault('LIMIT_EXCEEDED', 'a receipt is larger than the limit');
    const value = readJson(json);
    if (
      typeof value !== 'object' ||
      value === null ||
      !('trustDomain' in value) ||
      !trustDomains.some((name) => name === value.trustDomain)
    ) {
      throw new Fault('ARGUMENT_INVALID', "a receipt is of one of the reporter's trust domains");
    }
    // The server checks ids and times; the agent's own word is `via`.
    return { ...(value as Receipt), via };
  });
}

function readJson(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (cause) {
    throw new Fault('ARGUMENT_INVALID', 'a receipt is not JSON', { cause });
  }
}
