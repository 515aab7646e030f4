import { request } from 'node:http';
import { type NodeEvidenceSource, refused } from '#attestation';
import { Fault, LIMITS } from '#kernel';

export interface AwsIidEvidenceOptions {
  /** Of the instance's metadata service, where it is not at its usual address. */
  readonly url?: string;
}

const IDENTITY = '/latest/dynamic/instance-identity';
const TIMEOUT_MILLIS = 5_000;

/** The signed identity document of the EC2 instance, by its metadata service, version 2 (with a session token). */
export function awsIidEvidence({ url = 'http://169.254.169.254' }: AwsIidEvidenceOptions = {}): NodeEvidenceSource {
  return {
    type: 'aws_iid',
    payload: async (signal) => {
      const within = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MILLIS)]);
      const call = (path: string, method: string, headers: Readonly<Record<string, string>>) =>
        fetchText(new URL(path, url), { method, headers, signal: within });
      const token = await call('/latest/api/token', 'PUT', { 'X-aws-ec2-metadata-token-ttl-seconds': '60' });
      const get = (path: string) => call(path, 'GET', { 'X-aws-ec2-metadata-token': token });
      const document = await get(`${IDENTITY}/document`);
      const rsa2048 = await get(`${IDENTITY}/rsa2048`);
      const signature = await get(`${IDENTITY}/signature`);
      return Buffer.from(JSON.stringify({ document, signature, rsa2048 }));
    },
    respond: async () => {
      throw refused('a document answers no challenge');
    },
  };
}

interface Call {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

function fetchText(url: URL, { method, headers, signal }: Call): Promise<string> {
  return new Promise((resolve, reject) => {
    const fail = (cause?: unknown): void =>
      reject(new Fault('UPSTREAM_UNAVAILABLE', 'the metadata service of the instance does not answer', { cause }));
    const call = request(url, { method, headers, signal, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
        if (text.length > LIMITS.nodeEvidenceBytes.value) response.destroy();
      });
      response.once('error', fail);
      response.once('close', () => (response.complete && response.statusCode === 200 ? resolve(text) : fail()));
    });
    call.once('error', fail);
    call.end();
  });
}
