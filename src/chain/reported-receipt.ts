import { Fault, LIMITS } from '#kernel';
import { isReasonCode } from './reason-codes.ts';
import type { Receipt, ReceiptKind } from './receipt.ts';
import { isSpan, isTxn } from './txn.ts';

type Member = keyof Receipt;

const TEXTS = ['user', 'tenant', 'workload', 'peer', 'proof', 'rule', 'action', 'resource'] as const;

/**
 * A receipt that somebody else wrote. Every member is of its type, for all who read receipts rely on it: what one reader of a batch stumbles
 * over is sent again for ever. Throws `LIMIT_EXCEEDED` or `ARGUMENT_INVALID`.
 */
export function parseReportedReceipt(json: string, kinds: ReadonlySet<ReceiptKind>): Receipt {
  if (Buffer.byteLength(json) > LIMITS.receiptBytes.value)
    throw new Fault('LIMIT_EXCEEDED', 'a receipt is larger than the limit');
  const value = readJson(json);
  if (!isReceipt(value) || !kinds.has(value.kind))
    throw new Fault('ARGUMENT_INVALID', 'a receipt is malformed or of a kind that is not reported');
  return value;
}

function isReceipt(value: unknown): value is Receipt {
  if (!isObject(value)) return false;
  const receipt: Partial<Record<Member, unknown>> = value;
  const { id, txn, span, parentSpan, trustDomain, effect, code, startedAt, durationUs, via, detail } = receipt;
  return (
    TEXTS.every((name) => receipt[name] === undefined || typeof receipt[name] === 'string') &&
    typeof trustDomain === 'string' &&
    typeof id === 'string' &&
    /^[0-9a-f]{32}$/.test(id) &&
    isTxn(txn) &&
    isSpan(span) &&
    (parentSpan === undefined || isSpan(parentSpan)) &&
    (effect === 'allow' || effect === 'deny') &&
    typeof code === 'string' &&
    isReasonCode(code) &&
    typeof startedAt === 'string' &&
    !Number.isNaN(Date.parse(startedAt)) &&
    typeof durationUs === 'number' &&
    (via === undefined || (Array.isArray(via) && via.every((one) => typeof one === 'string'))) &&
    (detail === undefined || (isObject(detail) && isShallow(detail, LIMITS.jsonDepth.value)))
  );
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isShallow(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  return depth > 0 && Object.values(value).every((one) => isShallow(one, depth - 1));
}

function readJson(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (cause) {
    throw new Fault('ARGUMENT_INVALID', 'a receipt is not JSON', { cause });
  }
}
