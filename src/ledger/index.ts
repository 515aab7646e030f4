export { EMPTY_HEAD, hashRecord, Ledger, type Verification } from './ledger.ts';
export type { KnownReceipt, LedgerRecord, LedgerStore } from './ledger-store.ts';
export { brokenLink, orderLinks } from './order.ts';
