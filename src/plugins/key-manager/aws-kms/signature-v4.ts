import { createHash, createHmac } from 'node:crypto';
import type { Secret } from '#kernel';

export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: Secret;
  readonly sessionToken?: Secret;
}

export interface AwsRequest {
  readonly method: string;
  readonly host: string;
  /** In its canonical form already: `/` for APIs of one endpoint. */
  readonly path: string;
  /** In its canonical form already: sorted and percent-encoded. */
  readonly query: string;
  /** In lower case, without `host` and `x-amz-date`. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface AwsScope {
  readonly region: string;
  readonly service: string;
  readonly credentials: AwsCredentials;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** All headers of a request signed by AWS Signature Version 4, `host` included. */
export function signRequest(request: AwsRequest, scope: AwsScope): Readonly<Record<string, string>> {
  const { credentials, region, service } = scope;
  const time = new Date(scope.now).toISOString().replaceAll(/[-:]|\.\d{3}/g, '');
  const token = credentials.sessionToken?.reveal();
  const headers: Record<string, string> = {
    ...request.headers,
    host: request.host,
    'x-amz-date': time,
    ...(token === undefined ? {} : { 'x-amz-security-token': token }),
  };
  const names = Object.keys(headers).sort();
  const canonical = [
    request.method,
    request.path,
    request.query,
    ...names.map((name) => `${name}:${(headers[name] ?? '').trim().replaceAll(/ +/g, ' ')}`),
    '',
    names.join(';'),
    sha256(request.body),
  ].join('\n');
  const day = time.slice(0, 8);
  const range = `${day}/${region}/${service}/aws4_request`;
  const text = ['AWS4-HMAC-SHA256', time, range, sha256(canonical)].join('\n');
  const signing = [day, region, service, 'aws4_request'].reduce<string | Buffer>(
    hmac,
    `AWS4${credentials.secretAccessKey.reveal()}`,
  );
  const signature = hmac(signing, text).toString('hex');
  const by = `Credential=${credentials.accessKeyId}/${range}, SignedHeaders=${names.join(';')}, Signature=${signature}`;
  return { ...headers, authorization: `AWS4-HMAC-SHA256 ${by}` };
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
