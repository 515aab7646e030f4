import { lookup } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { Agent, request } from 'undici';
import { Fault, LIMITS } from '#kernel';

/** `http:` is for providers on this machine only. */
export function isLoopbackName(hostname: string): boolean {
  return hostname === 'localhost' || hostname.endsWith('.localhost');
}

/** RFC 6761 §6.3: names under localhost are this machine's, which Node's resolver does not know. */
export const lookupLoopback: LookupFunction = (hostname, options, done) => {
  if (!isLoopbackName(hostname)) return lookup(hostname, options, done);
  return options.all === true ? done(null, [{ address: '127.0.0.1', family: 4 }]) : done(null, '127.0.0.1', 4);
};

/** The client for identity providers: bounded answers, no redirects, plain HTTP to this machine only. */
export class ProviderFetch {
  readonly #agent = new Agent({
    connect: { lookup: lookupLoopback, timeout: 5000 },
    headersTimeout: 10_000,
    bodyTimeout: 10_000,
  });

  async fetch(url: string, options: FetchOptions): Promise<Response> {
    const target = new URL(url);
    if (target.protocol !== 'https:' && !(target.protocol === 'http:' && isLoopbackName(target.hostname)))
      throw new Fault('LOGIN_PROVIDER_UNAVAILABLE', 'a provider is reached by https');
    const body = options.body instanceof URLSearchParams ? options.body.toString() : options.body;
    if (body !== null && body !== undefined && typeof body !== 'string')
      throw new Fault('INTERNAL_ERROR', 'a provider is sent forms only');
    const answer = await request(url, {
      dispatcher: this.#agent,
      method: options.method === 'POST' ? 'POST' : 'GET',
      headers: options.headers,
      body: body ?? null,
      signal: options.signal ?? null,
    });
    const headers = new Headers();
    for (const [name, value] of Object.entries(answer.headers))
      if (value !== undefined) for (const one of [value].flat()) headers.append(name, one);
    const bytes = await readBounded(answer.body);
    const empty = answer.statusCode === 204 || answer.statusCode === 304;
    return new Response(empty ? null : bytes, { status: answer.statusCode, headers });
  }

  close(): Promise<void> {
    return this.#agent.destroy();
  }
}

interface FetchOptions {
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly body?: unknown;
  readonly signal?: AbortSignal;
}

/** Throws `LIMIT_EXCEEDED`. */
export async function readBounded(body: AsyncIterable<Uint8Array>): Promise<Buffer<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body) {
    length += chunk.length;
    if (length > LIMITS.edgeAnswerBytes.value) throw new Fault('LIMIT_EXCEEDED', 'an answer is larger than the limit');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
