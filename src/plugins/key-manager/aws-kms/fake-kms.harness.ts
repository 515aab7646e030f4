import {
  createHash,
  createHmac,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomUUID,
  sign,
} from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

export const ACCESS_KEY_ID = 'AKIDEXAMPLE';
export const SECRET = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY';

type Body = Readonly<Record<string, string>>;
type Answer = readonly [status: number, body: object];

interface FakeKey {
  readonly spec: string;
  readonly key: KeyObject;
}

/** A KMS that holds keys in memory and verifies every request's signature by its own reading of Signature Version 4. */
export class FakeKms {
  readonly keys = new Map<string, FakeKey>();
  readonly aliases = new Map<string, string>();
  readonly scheduled: string[] = [];
  readonly seen: string[] = [];
  endpoint = '';
  #close: () => Promise<void> = async () => {};

  static async start(): Promise<FakeKms> {
    const fake = new FakeKms();
    const server = createServer((request, response) => {
      void textOf(request).then((body) => {
        const [status, answer] = fake.#answer(request, body);
        response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' }).end(JSON.stringify(answer));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    fake.endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    fake.#close = () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    };
    return fake;
  }

  close(): Promise<void> {
    return this.#close();
  }

  #answer(request: IncomingMessage, body: string): Answer {
    if (!isSigned(request, body)) return [400, { __type: 'com.amazon.coral.service#InvalidSignatureException' }];
    const action = String(request.headers['x-amz-target']).split('.')[1] ?? '';
    this.seen.push(action);
    const input: Body = JSON.parse(body);
    switch (action) {
      case 'CreateKey':
        return this.#createKey(input);
      case 'CreateAlias':
        if (this.aliases.has(input.AliasName ?? '')) return [400, { __type: 'AlreadyExistsException' }];
        this.aliases.set(input.AliasName ?? '', input.TargetKeyId ?? '');
        return [200, {}];
      case 'DeleteAlias':
        return this.aliases.delete(input.AliasName ?? '') ? [200, {}] : [400, { __type: 'NotFoundException' }];
      case 'ScheduleKeyDeletion':
        this.scheduled.push(input.KeyId ?? '');
        this.keys.delete(input.KeyId ?? '');
        return [200, {}];
      default:
        return this.#use(action, input);
    }
  }

  #createKey({ KeySpec = '' }: Body): Answer {
    const keyId = randomUUID();
    this.keys.set(keyId, { spec: KeySpec, key: newKey(KeySpec) });
    return [200, { KeyMetadata: { KeyId: keyId } }];
  }

  #use(action: string, { KeyId = '', Message = '' }: Body): Answer {
    const keyId = this.aliases.get(KeyId) ?? KeyId;
    const found = this.keys.get(keyId);
    if (found === undefined) return [400, { __type: 'NotFoundException' }];
    const { key, spec } = found;
    const spki = createPublicKey(key).export({ type: 'spki', format: 'der' });
    if (action === 'GetPublicKey') return [200, { KeyId: keyId, KeySpec: spec, PublicKey: spki.toString('base64') }];
    return [200, { Signature: signDigest(key, Buffer.from(Message, 'base64')).toString('base64') }];
  }
}

/** What an HSM does: signs a digest that was made elsewhere. Node signs messages only, so the test's messages are looked up by digest. */
export const MESSAGES = new Map<string, Uint8Array>();

function signDigest(key: KeyObject, digest: Buffer): Buffer {
  const message = MESSAGES.get(digest.toString('hex'));
  if (message === undefined) return Buffer.alloc(0);
  return sign(digest.length === 48 ? 'sha384' : 'sha256', message, key);
}

function newKey(spec: string): KeyObject {
  if (spec === 'ECC_NIST_P256') return generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey;
  if (spec === 'ECC_NIST_P384') return generateKeyPairSync('ec', { namedCurve: 'secp384r1' }).privateKey;
  return generateKeyPairSync('rsa', { modulusLength: Number(spec.split('_')[1]) }).privateKey;
}

function isSigned({ method, url, headers }: IncomingMessage, body: string): boolean {
  const { authorization = '' } = headers;
  const pattern =
    /^AWS4-HMAC-SHA256 Credential=(\w+)\/(\d{8})\/([\w-]+)\/kms\/aws4_request, SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})$/;
  const [, id, day = '', region = '', signedNames = '', signature] = pattern.exec(authorization) ?? [];
  const names = signedNames.split(';');
  const needed = ['content-type', 'host', 'x-amz-date', 'x-amz-target'].every((name) => names.includes(name));
  if (id !== ACCESS_KEY_ID || !needed) return false;
  const lines = names.map((name) => `${name}:${String(headers[name])}\n`).join('');
  const canonical = `${method}\n${url}\n\n${lines}\n${signedNames}\n${hash(body)}`;
  const toSign = `AWS4-HMAC-SHA256\n${headers['x-amz-date']}\n${day}/${region}/kms/aws4_request\n${hash(canonical)}`;
  const key = mac(mac(mac(mac(`AWS4${SECRET}`, day), region), 'kms'), 'aws4_request');
  return mac(key, toSign).toString('hex') === signature;
}

const hash = (text: string): string => createHash('sha256').update(text).digest('hex');
const mac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();

async function textOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const part of request) text += String(part);
  return text;
}
