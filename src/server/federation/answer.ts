/** What a public endpoint answers. Everything that it serves is public: no request is authenticated (Federation §5.2). */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface PublicRequest {
  readonly method: string;
  /** Path and query, as sent. */
  readonly target: string;
  readonly host: string;
}

export function json(body: string, headers: Readonly<Record<string, string>> = {}): Answer {
  return { status: 200, headers: { 'content-type': 'application/json', ...headers }, body };
}

export function refusal(status: number, sentence: string): Answer {
  const allow = status === 405 ? { allow: 'GET, HEAD' } : {};
  return { status, headers: { 'content-type': 'text/plain; charset=utf-8', ...allow }, body: `${sentence}\n` };
}

/** The path that is asked for, or the refusal of what is no plain GET. */
export function askedPath({ method, target }: PublicRequest): string | Answer {
  if (method !== 'GET' && method !== 'HEAD') return refusal(405, 'only GET is served here');
  return target.split('?', 1)[0] ?? '';
}
