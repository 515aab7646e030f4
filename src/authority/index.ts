export type { AppendedAuthority } from './appended.ts';
export { Authority, type AuthorityOptions } from './authority.ts';
export type { AuthorityBundle, AuthorityKey } from './authority-bundle.ts';
export { AUTHORITY_KINDS, type AuthorityKind } from './authority-kind.ts';
export type { AuthorityState } from './authority-state.ts';
export { makeCaCertificate } from './ca-certificate.ts';
export type { DownstreamCaRequest, IssuedCa } from './downstream-ca.ts';
export { journalContract } from './journal.contract.ts';
export { type AuthorityJournal, parseJournal } from './journal.ts';
export type { JournalRecord, JournalSlot } from './journal-record.ts';
export { keyManagerContract } from './key-manager.contract.ts';
export type { KeyManager } from './key-manager.ts';
export { KEY_TYPES, KEY_USE, type KeyType } from './key-type.ts';
export type { IssuedToken, JwtSvidRequest, WitSvidRequest } from './token-issuer.ts';
export type {
  UpstreamAnswer,
  UpstreamAuthority,
  UpstreamBundle,
  UpstreamRequest,
  UpstreamRoot,
} from './upstream-authority.ts';
export type { IssuedX509Svid, IssueRequest } from './x509-issuer.ts';
