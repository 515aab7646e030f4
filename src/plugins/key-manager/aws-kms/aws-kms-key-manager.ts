import { createHash } from 'node:crypto';
import { KEY_USE, type KeyManager, type KeyType } from '#authority';
import { Fault } from '#kernel';
import { callKms, type KmsOptions, KmsRefusal } from './kms-client.ts';

export interface AwsKmsOptions extends KmsOptions {
  /** Keys are found by alias, `alias/hauberk/<group>/<name>`: servers of one group share their keys. */
  readonly group: string;
}

/** KMS names of the key types, and of the one algorithm that each signs with. */
const KMS: Readonly<Record<KeyType, { readonly spec: string; readonly algorithm: string }>> = {
  'ec-p256': { spec: 'ECC_NIST_P256', algorithm: 'ECDSA_SHA_256' },
  'ec-p384': { spec: 'ECC_NIST_P384', algorithm: 'ECDSA_SHA_384' },
  'rsa-2048': { spec: 'RSA_2048', algorithm: 'RSASSA_PKCS1_V1_5_SHA_256' },
  'rsa-4096': { spec: 'RSA_4096', algorithm: 'RSASSA_PKCS1_V1_5_SHA_256' },
};
/** The shortest that KMS allows; until then an operator can take the deletion back. */
const DELETION_DAYS = 7;

interface KmsKey {
  readonly keyId: string;
  readonly type: KeyType;
  readonly spki: Buffer;
}

/** Keys that never leave AWS KMS. Every signature is a call; what KMS says is taken for what it is after the authority has verified it. */
export class AwsKmsKeyManager implements KeyManager {
  readonly signsHere = false;
  readonly #options: AwsKmsOptions;
  readonly #known = new Map<string, KmsKey>();

  constructor(options: AwsKmsOptions) {
    if (!/^[A-Za-z0-9_/-]{1,128}$/.test(options.group))
      throw new Fault('ARGUMENT_INVALID', 'a group of keys has characters of a-z 0-9 _ / -');
    this.#options = options;
  }

  async generate(name: string, type: KeyType, signal?: AbortSignal): Promise<Buffer> {
    const alias = this.#alias(name);
    if ((await this.#find(name, signal)) !== undefined) throw exists();
    const { spec } = KMS[type];
    const input = { KeyUsage: 'SIGN_VERIFY', KeySpec: spec, Description: `Hauberk ${this.#options.group} ${name}` };
    const { KeyMetadata } = await this.#call('CreateKey', input, signal);
    const keyId = textOf(Object(KeyMetadata).KeyId);
    try {
      await this.#call('CreateAlias', { AliasName: alias, TargetKeyId: keyId }, signal);
    } catch (error) {
      await this.#call('ScheduleKeyDeletion', { KeyId: keyId, PendingWindowInDays: DELETION_DAYS });
      throw error instanceof KmsRefusal && error.type === 'AlreadyExistsException' ? exists() : error;
    }
    // By its id: an alias is seen everywhere only after a while.
    const key = toKey(await this.#call('GetPublicKey', { KeyId: keyId }, signal));
    this.#known.set(name, key);
    return key.spki;
  }

  async find(name: string, signal?: AbortSignal): Promise<Buffer | undefined> {
    return (await this.#find(name, signal))?.spki;
  }

  async sign(name: string, data: Uint8Array, signal?: AbortSignal): Promise<Buffer> {
    const key = await this.#find(name, signal);
    if (key === undefined) throw new Fault('NOT_FOUND', 'no key of this name');
    const digest = createHash(KEY_USE[key.type].hash).update(data).digest('base64');
    const { algorithm } = KMS[key.type];
    const input = { KeyId: key.keyId, Message: digest, MessageType: 'DIGEST', SigningAlgorithm: algorithm };
    const { Signature } = await this.#call('Sign', input, signal);
    return Buffer.from(textOf(Signature), 'base64');
  }

  async delete(name: string, signal?: AbortSignal): Promise<void> {
    const key = await this.#find(name, signal);
    this.#known.delete(name);
    if (key === undefined) return;
    await this.#call('DeleteAlias', { AliasName: this.#alias(name) }, signal);
    await this.#call('ScheduleKeyDeletion', { KeyId: key.keyId, PendingWindowInDays: DELETION_DAYS }, signal);
  }

  async #find(name: string, signal: AbortSignal | undefined): Promise<KmsKey | undefined> {
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    try {
      const key = toKey(await this.#call('GetPublicKey', { KeyId: this.#alias(name) }, signal));
      this.#known.set(name, key);
      return key;
    } catch (error) {
      if (error instanceof KmsRefusal && error.type === 'NotFoundException') return undefined;
      throw error;
    }
  }

  #call(action: string, input: Readonly<Record<string, unknown>>, signal?: AbortSignal) {
    return callKms(this.#options, action, input, signal);
  }

  #alias(name: string): string {
    if (!/^[A-Za-z0-9_-]{1,100}$/.test(name))
      throw new Fault('ARGUMENT_INVALID', 'a key name has characters of a-z 0-9 _ -');
    return `alias/hauberk/${this.#options.group}/${name}`;
  }
}

function toKey({ KeyId, KeySpec, PublicKey }: Readonly<Record<string, unknown>>): KmsKey {
  const found = Object.entries(KMS).find(([, { spec }]) => spec === KeySpec)?.[0];
  const type = (Object.keys(KMS) as KeyType[]).find((one) => one === found);
  if (type === undefined) throw new Fault('KEY_SERVICE_UNAVAILABLE', 'the key service holds a key of another kind');
  return { keyId: textOf(KeyId), type, spki: Buffer.from(textOf(PublicKey), 'base64') };
}

function textOf(value: unknown): string {
  if (typeof value === 'string' && value !== '') return value;
  throw new Fault('KEY_SERVICE_UNAVAILABLE', 'the key service left out what it had to say');
}

function exists(): Fault {
  return new Fault('ALREADY_EXISTS', 'a key of this name exists');
}
