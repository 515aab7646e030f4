export {
  Authority,
  type AuthorityBundle,
  type AuthorityOptions,
  type IssuedX509Svid,
  type IssueRequest,
} from './authority.ts';
export { keyManagerContract } from './key-manager.contract.ts';
export type { AuthorityJournal, JournalSlot, KeyManager } from './key-manager.ts';
