import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';
import { equalSecrets, Fault, type Random } from '#kernel';

const ITERATIONS = 4096;
const LIMIT_ITERATIONS = 100_000;

/** What PostgreSQL keeps of a password (RFC 5803's fields in PostgreSQL's form): the password itself never travels. */
export function scramVerifier(password: string, random: Random): string {
  const salt = random.bytes(16);
  const { storedKey, serverKey } = keys(password, salt, ITERATIONS);
  const made = `${ITERATIONS}:${salt.toString('base64')}$${storedKey.toString('base64')}:${serverKey.toString('base64')}`;
  return `SCRAM-SHA-256$${made}`;
}

/** The client of SCRAM-SHA-256 (RFC 5802 §3, RFC 7677), without channel binding. Each step throws `DATABASE_UNAVAILABLE`. */
export class ScramClient {
  readonly #password: string;
  readonly #nonce: string;
  #expected: Buffer | undefined;

  constructor(password: string, random: Random) {
    this.#password = password;
    this.#nonce = random.bytes(18).toString('base64');
  }

  first(): string {
    return `n,,${this.#bare()}`;
  }

  /** client-final-message in answer to server-first-message. */
  final(serverFirst: string): string {
    const said = /^r=([!-+\--~]+),s=([A-Za-z0-9+/=]+),i=(\d{1,7})$/.exec(serverFirst);
    const [, nonce = '', salt = '', count = '0'] = said ?? [];
    const iterations = Number(count);
    if (!nonce.startsWith(this.#nonce) || nonce === this.#nonce || iterations < 1 || iterations > LIMIT_ITERATIONS) {
      throw new Fault('DATABASE_UNAVAILABLE', 'the database answered the login in a way that is not SCRAM');
    }
    const { clientKey, storedKey, serverKey } = keys(this.#password, Buffer.from(salt, 'base64'), iterations);
    const bare = `c=biws,r=${nonce}`;
    const signed = `${this.#bare()},${serverFirst},${bare}`;
    const signature = hmac(storedKey, signed);
    this.#expected = hmac(serverKey, signed);
    return `${bare},p=${xor(clientKey, signature).toString('base64')}`;
  }

  /** Verifies that the server knew the password's verifier (server-final-message). */
  verify(serverFinal: string): void {
    const signature = Buffer.from(/^v=([A-Za-z0-9+/=]+)$/.exec(serverFinal)?.[1] ?? '', 'base64');
    if (this.#expected === undefined || !equalSecrets(signature, this.#expected)) {
      throw new Fault('DATABASE_UNAVAILABLE', 'the database did not prove that it knows the credential');
    }
  }

  #bare(): string {
    // PostgreSQL takes the user's name from the startup message.
    return `n=,r=${this.#nonce}`;
  }
}

function keys(
  password: string,
  salt: Buffer,
  iterations: number,
): Readonly<Record<'clientKey' | 'storedKey' | 'serverKey', Buffer>> {
  const salted = pbkdf2Sync(password, salt, iterations, 32, 'sha256');
  const clientKey = hmac(salted, 'Client Key');
  return {
    clientKey,
    storedKey: createHash('sha256').update(clientKey).digest(),
    serverKey: hmac(salted, 'Server Key'),
  };
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

function xor(a: Buffer, b: Buffer): Buffer {
  return Buffer.from(a.map((byte, index) => byte ^ (b[index] ?? 0)));
}
