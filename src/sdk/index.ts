export type { RequestAuthority, UserAuthority } from '#chain';
export type { Database, DatabaseConnection, DatabaseOptions, QueryResult } from './database.ts';
export type { RevocationSubject } from './enforcement.ts';
export {
  connectEnforcementPoint,
  type EnforcementPoint,
  type EnforcementPointOptions,
  type MinterQuestion,
} from './enforcement-point.ts';
export type { Handler, HandlerResponse } from './exchange.ts';
export type { FetchInit, FetchResponse } from './fetch.ts';
export type { GuardedResource } from './guard.ts';
export type { GuardedRequest } from './guarded-request.ts';
export type { Transaction } from './transaction.ts';
export { verifyUserToken } from './user-token.ts';
export { type ConnectOptions, connectWorkload, type Serving, type Workload } from './workload.ts';
