// The people of the story, signed in through the real login page.
import { Browser } from './browser.ts';
import type { Context } from './context.ts';
import { type Answer, jsonOf } from './http.ts';
import type { Record } from './record.ts';

export interface Person {
  readonly name: string;
  readonly spiffeId: string;
  readonly browser: Browser;
}

export interface People {
  readonly alice: Person;
  readonly carol: Person;
  readonly bob: Person;
}

export async function signInAll(context: Context, record: Record): Promise<People> {
  const [alice, carol, bob] = await Promise.all(
    ['alice@bank-a', 'carol@bank-a', 'bob@bank-b'].map((name) => signIn(context, record, name)),
  );
  if (alice === undefined || carol === undefined || bob === undefined) throw new Error('the bank has three users');
  return { alice, carol, bob };
}

async function signIn(context: Context, record: Record, name: string): Promise<Person> {
  const user = context.users.find((known) => known.name === name);
  if (user === undefined) throw new Error(`the environment names no user ${name}`);
  const browser = new Browser();
  const tenant = name.slice(name.indexOf('@') + 1);
  const page = await browser.signIn(`${context.edge.http}/.hauberk/login?return=/`, user);
  record.expect(page.status < 400, `${name} signs in: the last page answered ${page.status}`);
  expectAuthorizationCode(browser, record, name);
  const session = jsonOf((await browser.fetch(`${context.edge.http}/.hauberk/session`)).body);
  const spiffeId = findSpiffeId(session) ?? '';
  record.expect(
    spiffeId.startsWith(`spiffe://${tenant}/user/`),
    `${name} is a user of ${tenant}: the edge says "${spiffeId}"`,
  );
  return { name, spiffeId, browser };
}

/** Authorization code with PKCE S256, state and nonce (RFC 9700 §2.1.1, OpenID Connect Core §3.1.2.1). */
function expectAuthorizationCode({ visited }: Browser, record: Record, name: string): void {
  const asked = visited.find(({ searchParams }) => searchParams.has('response_type'))?.searchParams;
  const holds =
    asked?.get('response_type') === 'code' &&
    asked.get('code_challenge_method') === 'S256' &&
    ['state', 'nonce', 'code_challenge'].every((key) => (asked.get(key) ?? '').length >= 16);
  record.expect(holds, `${name} signs in by authorization code with PKCE S256, state and nonce`);
}

export function findSpiffeId(value: unknown): string | undefined {
  if (typeof value === 'string') return value.startsWith('spiffe://') && value.includes('/user/') ? value : undefined;
  if (typeof value !== 'object' || value === null) return undefined;
  for (const item of Object.values(value)) {
    const found = findSpiffeId(item);
    if (found !== undefined) return found;
  }
  return undefined;
}

export function requestIdOf(answer: Answer): string {
  const id = answer.headers['x-request-id'];
  return typeof id === 'string' ? id : '';
}
