import { createHash, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** A customer of one of the banks. The password is kept as a hash. */
export interface Person {
  readonly account: string;
  readonly claims: {
    readonly tenant: string;
    readonly user_id: string;
    readonly name: string;
    readonly email: string;
    readonly email_verified: true;
  };
  readonly passwordHash: Buffer;
}

const PEOPLE = [
  { account: 'alice@bank-a', tenant: 'bank-a', user_id: '12345', name: 'Alice', variable: 'ALICE' },
  { account: 'carol@bank-a', tenant: 'bank-a', user_id: '67890', name: 'Carol', variable: 'CAROL' },
  { account: 'bob@bank-b', tenant: 'bank-b', user_id: '20001', name: 'Bob', variable: 'BOB' },
];

/** Passwords are random and come from files that the environment names. */
export function readPeople(env: NodeJS.ProcessEnv): ReadonlyMap<string, Person> {
  return new Map(
    PEOPLE.map(({ account, variable, ...claims }) => {
      const password = readSecret(env, `HAUBERK_BANK_PASSWORD_${variable}_FILE`);
      const person = { account, claims: { ...claims, email: account, email_verified: true as const } };
      return [account, { ...person, passwordHash: sha256(password) }];
    }),
  );
}

export function readSecret(env: NodeJS.ProcessEnv, name: string): string {
  const file = env[name];
  if (file === undefined) throw new Error(`${name} names no file`);
  const secret = readFileSync(file, 'utf8').trim();
  if (secret === '') throw new Error(`the file of ${name} is empty`);
  return secret;
}

const NOBODY = sha256('');

/** Undefined for an unknown account and for a wrong password, after the same work. The passwords are long and random: a plain hash will do. */
export function findPerson(people: ReadonlyMap<string, Person>, account: string, password: string): Person | undefined {
  const person = people.get(account);
  const right = timingSafeEqual(sha256(password), person?.passwordHash ?? NOBODY);
  return right ? person : undefined;
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
