import type { OutgoingHttpHeaders } from 'node:http';
import { Agent, type Dispatcher, request } from 'undici';
import { type Field, isHopByHop } from '#http';
import { Fault } from '#kernel';
import type { ExternalAuth } from '#routing';
import { lookupLoopback, readBounded } from './provider-fetch.ts';

/** Allowed, with the fields of its answer that go on; or its own answer, word for word, for the client. */
export type AuthAnswer =
  | { readonly allowed: true; readonly headers: readonly (readonly [string, string])[] }
  | { readonly allowed: false; readonly status: number; readonly headers: OutgoingHttpHeaders; readonly body: Buffer };

/** Asks an AuthService as Ambassador does: same method and path, no body, only 200 allows. Fails closed. */
export class AuthServiceClient {
  readonly #service: ExternalAuth;
  readonly #agent = new Agent({ connect: { lookup: lookupLoopback, timeout: 3000 } });

  constructor(service: ExternalAuth) {
    this.#service = service;
  }

  /** Throws `AUTH_SERVICE_UNAVAILABLE`. `own` are the fields that the edge vouches for. */
  async ask(
    method: string,
    path: string,
    fields: readonly Field[],
    own: Readonly<Record<string, string>>,
  ): Promise<AuthAnswer> {
    const { origin, pathPrefix, timeoutMillis, requestHeaders, addHeaders } = this.#service;
    const headers: Record<string, string> = {};
    for (const { name, value } of fields)
      if (requestHeaders.has(name.toLowerCase()) && !isHopByHop(name)) headers[name.toLowerCase()] = value;
    try {
      const answer = await request(`${origin}${pathPrefix}${path}`, {
        dispatcher: this.#agent,
        method: method as Dispatcher.HttpMethod,
        headers: { ...headers, ...own, ...Object.fromEntries(addHeaders) },
        signal: AbortSignal.timeout(timeoutMillis),
      });
      return this.#judge(answer.statusCode, answer.headers, await readBounded(answer.body));
    } catch (cause) {
      throw new Fault('AUTH_SERVICE_UNAVAILABLE', 'the authentication service did not answer', { cause });
    }
  }

  close(): Promise<void> {
    return this.#agent.destroy();
  }

  #judge(status: number, answered: OutgoingHttpHeaders, body: Buffer): AuthAnswer {
    if (status >= 500) throw new Fault('AUTH_SERVICE_UNAVAILABLE', 'the authentication service failed');
    const kept = Object.entries(answered).filter(
      ([name]) => this.#service.authorizationHeaders.has(name) && !isHopByHop(name),
    );
    if (status === 200) {
      const onward = kept.filter(
        ([name]) => !['location', 'set-cookie', 'www-authenticate', 'proxy-authenticate'].includes(name),
      );
      return {
        allowed: true,
        headers: onward.flatMap(([name, value]) => (typeof value === 'string' ? [[name, value] as const] : [])),
      };
    }
    const type = answered['content-type'];
    const headers = { ...Object.fromEntries(kept), ...(type === undefined ? {} : { 'content-type': type }) };
    return { allowed: false, status, headers, body };
  }
}
