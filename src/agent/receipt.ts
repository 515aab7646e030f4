import { parseReportedReceipt, type Receipt, type ReceiptKind } from '#chain';
import { Fault, LIMITS } from '#kernel';

/** What enforcement points report. The other kinds are the agent's and the server's own word. */
const REPORTED_KINDS = new Set<ReceiptKind>(['edge', 'login', 'service', 'guard', 'database']);

/** A receipt on its way to the server: checked, stamped, encoded once. */
export interface StampedReceipt {
  readonly id: string;
  readonly trustDomain: string;
  readonly json: string;
  readonly bytes: number;
}

/**
 * Checks what an enforcement point reports as strictly as the server will, so that one reporter's bad receipt is its own refusal and never
 * that of others in a batch, and stamps who reported it. All or none. Throws `ARGUMENT_INVALID`, `LIMIT_EXCEEDED`.
 */
export function stampReceipts(
  receiptsJson: readonly string[],
  via: readonly string[],
  trustDomains: readonly string[],
): readonly StampedReceipt[] {
  if (receiptsJson.length > LIMITS.receiptBatch.value)
    throw new Fault('LIMIT_EXCEEDED', 'too many receipts in one report');
  return receiptsJson.map((json) => {
    const receipt = parseReportedReceipt(json, REPORTED_KINDS);
    if (!trustDomains.includes(receipt.trustDomain))
      throw new Fault('ARGUMENT_INVALID', "a receipt is of one of the reporter's trust domains");
    return encodeReceipt({ ...receipt, via });
  });
}

/** Throws `LIMIT_EXCEEDED` when it is larger than the ledger takes. */
export function encodeReceipt(receipt: Receipt): StampedReceipt {
  const json = JSON.stringify(receipt);
  const bytes = Buffer.byteLength(json);
  if (bytes > LIMITS.receiptBytes.value) throw tooLarge();
  return { id: receipt.id, trustDomain: receipt.trustDomain, json, bytes };
}

/** A receipt as `encodeReceipt` left it on disk; undefined when it is none of the trust domain. */
export function readStamped(json: string, trustDomain: string): StampedReceipt | undefined {
  const bytes = Buffer.byteLength(json);
  try {
    const value: unknown = JSON.parse(json);
    if (typeof value !== 'object' || value === null || bytes > LIMITS.receiptBytes.value) return undefined;
    const { id, trustDomain: its }: { id?: unknown; trustDomain?: unknown } = value;
    return typeof id === 'string' && its === trustDomain ? { id, trustDomain, json, bytes } : undefined;
  } catch {
    return undefined;
  }
}

function tooLarge(): Fault {
  return new Fault('LIMIT_EXCEEDED', 'a receipt is larger than the limit');
}
