export type { RequestAuthority, UserAuthority } from '#chain';
export type { FetchInit, FetchResponse } from './fetch.ts';
export type { GuardedRequest, Handler, HandlerResponse } from './serve.ts';
export { type ConnectOptions, connectWorkload, type Serving, type Workload } from './workload.ts';
