export type { RequestAuthority, UserAuthority } from '#chain';
export type { Database, DatabaseConnection, DatabaseOptions, QueryResult } from './database.ts';
export type { FetchInit, FetchResponse } from './fetch.ts';
export type { GuardedResource } from './guard.ts';
export type { GuardedRequest, Handler, HandlerResponse } from './serve.ts';
export type { Transaction } from './transaction.ts';
export { type ConnectOptions, connectWorkload, type Serving, type Workload } from './workload.ts';
