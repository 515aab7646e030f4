import { type Clock, Fault, LIMITS } from '#kernel';
import { type AwsCredentials, signRequest } from './signature-v4.ts';

export interface KmsOptions {
  readonly region: string;
  /** `https://kms.<region>.amazonaws.com` where none is given. */
  readonly endpoint?: string;
  readonly credentials: () => Promise<AwsCredentials>;
  readonly clock: Clock;
}

const DEADLINE_MILLIS = 5000;

/** What KMS refuses by a name that a caller may expect. */
export class KmsRefusal extends Fault {
  readonly type: string;

  constructor(type: string, status: number) {
    super('KEY_SERVICE_UNAVAILABLE', 'the key service refused a request', { details: { type, status } });
    this.type = type;
  }
}

/** One call of the KMS JSON API. Throws `KmsRefusal`, or `KEY_SERVICE_UNAVAILABLE` when there is no usable answer in time. */
export async function callKms(
  options: KmsOptions,
  action: string,
  input: Readonly<Record<string, unknown>>,
  signal?: AbortSignal,
): Promise<Readonly<Record<string, unknown>>> {
  const { region, credentials, clock } = options;
  const url = new URL(options.endpoint ?? `https://kms.${region}.amazonaws.com`);
  const body = JSON.stringify(input);
  const headers = { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': `TrentService.${action}` };
  const request = { method: 'POST', host: url.host, path: '/', query: '', headers, body };
  const { host: _, ...signed } = signRequest(request, {
    region,
    service: 'kms',
    credentials: await credentials(),
    now: clock.now(),
  });
  const deadline = AbortSignal.timeout(DEADLINE_MILLIS);
  const until = signal === undefined ? deadline : AbortSignal.any([signal, deadline]);
  const { status, answer } = await exchange(url, { method: 'POST', headers: signed, body, signal: until });
  if (status === 200) return answer;
  const type = typeof answer.__type === 'string' ? (answer.__type.split('#').at(-1) ?? '') : '';
  throw new KmsRefusal(type, status);
}

async function exchange(
  url: URL,
  init: RequestInit,
): Promise<{ readonly status: number; readonly answer: Readonly<Record<string, unknown>> }> {
  try {
    const response = await fetch(url, { ...init, redirect: 'error' });
    const value: unknown = JSON.parse(await readBounded(response));
    if (typeof value === 'object' && value !== null) return { status: response.status, answer: { ...value } };
  } catch (cause) {
    throw new Fault('KEY_SERVICE_UNAVAILABLE', 'the key service did not answer', { cause });
  }
  throw new Fault('KEY_SERVICE_UNAVAILABLE', 'the key service answered something else');
}

async function readBounded(response: Response): Promise<string> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of response.body ?? []) {
    length += part.length;
    if (length > LIMITS.keyServiceAnswerBytes.value)
      throw new Fault('LIMIT_EXCEEDED', 'the answer of the key service is larger than the limit');
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}
