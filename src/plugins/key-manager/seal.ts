import { createCipheriv, createDecipheriv, randomBytes, scrypt } from 'node:crypto';
import { Fault, type Secret } from '#kernel';

const CHECK_NAME = 'seal.json';
const CHECKED = 'hauberk key directory';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
// About 64 MiB and 0.2 s: once for a place and process, and for every guess of a thief.
const COST = { N: 65_536, r: 8, p: 1, maxmem: 128 * 1024 * 1024 } as const;
const PREFIX = 'hauberk-sealed-1 ';

/** Where a seal keeps what it needs to be opened again: a salt and a check, nothing secret. */
export interface SealPlace {
  /** For people. */
  readonly name: string;
  read(): Promise<string | undefined>;
  /** False when there is one by now. */
  create(text: string): Promise<boolean>;
}

/** AES-256-GCM under a key that scrypt makes of a passphrase; what is sealed under one name opens under no other. */
export class Seal {
  readonly #key: Buffer;

  private constructor(key: Buffer) {
    this.#key = key;
  }

  /** The seal of a place, made with its first use. Throws `KEY_UNREADABLE` for another passphrase than that of the first use. */
  static async open(place: SealPlace, passphrase: Secret): Promise<Seal> {
    const kept = await place.read();
    if (kept === undefined) {
      const salt = randomBytes(16);
      const seal = new Seal(await derive(passphrase, salt));
      const check = seal.seal(CHECK_NAME, Buffer.from(CHECKED));
      if (await place.create(JSON.stringify({ salt: salt.toString('base64'), check }))) return seal;
      // Another was faster: its seal is the seal.
      return Seal.open(place, passphrase);
    }
    const { salt, check } = parseKept(kept, place.name);
    const seal = new Seal(await derive(passphrase, salt));
    if (seal.open(CHECK_NAME, check)?.toString() !== CHECKED)
      throw new Fault('KEY_UNREADABLE', `${place.name} was sealed with another passphrase`);
    return seal;
  }

  seal(name: string, plain: Buffer): string {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv('aes-256-gcm', this.#key, nonce).setAAD(Buffer.from(name));
    const sealed = Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
    return `${PREFIX}${sealed.toString('base64')}`;
  }

  /** Undefined for what this seal did not make under this name. */
  open(name: string, text: string): Buffer | undefined {
    const sealed = Buffer.from(text.slice(PREFIX.length), 'base64');
    if (!isSealed(text) || sealed.length < NONCE_BYTES + TAG_BYTES) return undefined;
    const options = { authTagLength: TAG_BYTES };
    const decipher = createDecipheriv('aes-256-gcm', this.#key, sealed.subarray(0, NONCE_BYTES), options);
    decipher.setAAD(Buffer.from(name)).setAuthTag(sealed.subarray(-TAG_BYTES));
    try {
      return Buffer.concat([decipher.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
    } catch {
      return undefined;
    }
  }
}

export function isSealed(text: string): boolean {
  return text.startsWith(PREFIX);
}

function derive(passphrase: Secret, salt: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(passphrase.reveal().normalize('NFC'), salt, 32, COST, (error, key) =>
      error === null ? resolve(key) : reject(error),
    );
  });
}

function parseKept(text: string, place: string): { readonly salt: Buffer; readonly check: string } {
  try {
    const { salt, check }: { salt?: unknown; check?: unknown } = JSON.parse(text);
    if (typeof salt === 'string' && typeof check === 'string') return { salt: Buffer.from(salt, 'base64'), check };
  } catch {
    // falls through to the one fault below
  }
  throw new Fault('KEY_UNREADABLE', `the seal of ${place} is damaged: without it nothing that was sealed opens`);
}
