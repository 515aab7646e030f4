export {
  type GrpcStatusName,
  isReasonCode,
  REASON_CODES,
  type ReasonCode,
  type ReasonCodeName,
  reasonCode,
} from './reason-codes.ts';
export type { Receipt, ReceiptKind } from './receipt.ts';
export { parseReportedReceipt } from './reported-receipt.ts';
export type { RequestAuthority, UserAuthority } from './request-authority.ts';
export { formatTraceparent, isSpan, isTxn, newLink, newSpan, newTxn, parentSpanOf, type Txn } from './txn.ts';
