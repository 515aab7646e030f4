import type { Receipt } from '#chain';
import type { Clock, Random } from '#kernel';
import type { Enforcement } from './enforcement.ts';
import type { FetchInit, FetchResponse } from './fetch.ts';
import type { Identity } from './identity.ts';

/** What a server of a service stands on. */
export interface ServeOptions {
  readonly identity: Identity;
  readonly enforcement: Enforcement;
  /** This service in the registry. */
  readonly self: () => ServedService;
  /** Room for one receipt, taken before anything is done. Throws when there is none: then the answer is no. */
  readonly reserve: () => (receipt: Receipt) => void;
  readonly fetch: (url: string, init: FetchInit) => Promise<FetchResponse>;
  readonly clock: Clock;
  readonly random: Random;
}

export interface ServedService {
  readonly name: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
}
