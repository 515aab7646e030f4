// A plain HTTP client that says exactly what it is told: names under localhost are dialled on loopback, header lines may repeat, and
// redirects are answers like any other.
import { request } from 'node:http';
import { type RequestOptions, request as requestTls } from 'node:https';

export interface Answer {
  readonly url: URL;
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly cookies: readonly string[];
  readonly body: string;
}

export interface Ask {
  readonly method?: string;
  /** Pairs, in order; a name may come twice. */
  readonly headers?: readonly (readonly [string, string])[];
  readonly body?: string;
}

const ANSWER_MILLIS = 20_000;

export function ask(target: string | URL, { method = 'GET', headers = [], body }: Ask = {}): Promise<Answer> {
  const url = new URL(target);
  const secure = url.protocol === 'https:';
  const lines = [
    ['Host', url.host],
    ...headers,
    ...(body === undefined ? [] : [['Content-Length', `${Buffer.byteLength(body)}`]]),
  ];
  const options: RequestOptions = {
    host: '127.0.0.1',
    port: url.port,
    method,
    path: `${url.pathname}${url.search}`,
    headers: lines.flat() as unknown as Record<string, string>,
    timeout: ANSWER_MILLIS,
    ...(secure ? { servername: url.hostname, rejectUnauthorized: false } : {}),
  };
  return new Promise((resolve, reject) => {
    const sent = (secure ? requestTls : request)(options, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('error', reject);
      response.on('end', () => {
        const { statusCode: status = 0, headers: seen } = response;
        resolve({ url, status, headers: seen, cookies: seen['set-cookie'] ?? [], body: text });
      });
    });
    sent.on('error', reject);
    sent.on('timeout', () => sent.destroy(new Error(`no answer from ${url.host}`)));
    sent.end(body);
  });
}

/** The JSON object of a body, or an empty one. */
export function jsonOf(text: string): Readonly<Record<string, unknown>> {
  try {
    const json: unknown = JSON.parse(text);
    return typeof json === 'object' && json !== null ? { ...json } : {};
  } catch {
    return {};
  }
}
