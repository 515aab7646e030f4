import { type Clock, Fault, type Random, randomBase64url } from '#kernel';
import { Gcra } from '#routing';
import { type Arrival, assertSameOrigin, isNavigation } from './arrival.ts';
import { clearCookie, findCookie, SESSION_COOKIE, setCookie } from './cookies.ts';
import { sendJson, sendRedirect } from './denial.ts';
import { type IdentityRule, mapUser } from './identity-rules.ts';
import type { LoginAttempts } from './login-attempts.ts';
import type { Provider } from './provider.ts';
import { returnTarget } from './return-target.ts';
import type { Session, Sessions } from './sessions.ts';

export interface SignInOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly sessions: Sessions;
  readonly attempts: LoginAttempts;
  readonly provider: Provider;
  readonly identities: readonly IdentityRule[];
  readonly sessionSeconds: number;
  readonly attemptSeconds: number;
}

export const OWN_PREFIX = '/.hauberk/';
const CALLBACK = `${OWN_PREFIX}callback`;
/** One address: a burst of 40 sign-in requests, then 2 a second. */
const RATE = { perSecond: 2, burst: 40, keys: 10_000 };

/** The edge's own paths: sign in, come back from the provider, sign out, who am I. */
export class SignIn {
  readonly #options: SignInOptions;
  readonly #rate: Gcra;

  constructor(options: SignInOptions) {
    this.#options = options;
    this.#rate = new Gcra({ clock: options.clock, ...RATE });
  }

  async answer(arrival: Arrival, findSession: () => Session | undefined): Promise<void> {
    const { method, target } = arrival;
    const reading = method === 'GET' || method === 'HEAD';
    if (target.path === `${OWN_PREFIX}login` && reading) return this.#begin(arrival);
    if (target.path === CALLBACK && reading) return this.#finish(arrival);
    if (target.path === `${OWN_PREFIX}logout` && method === 'POST') return this.#end(arrival);
    if (target.path === `${OWN_PREFIX}session` && reading) return this.#tell(arrival, findSession());
    throw new Fault('ROUTE_NOT_FOUND', 'no route leads there');
  }

  async #begin(arrival: Arrival): Promise<void> {
    this.#assertRate(arrival);
    const { attempts, provider, random, attemptSeconds } = this.#options;
    const { target, scheme, response, cookies, link } = arrival;
    const attempt = {
      verifier: randomBase64url(random, 32),
      nonce: randomBase64url(random, 32),
      redirectUri: `${scheme}://${target.authority}${CALLBACK}`,
      returnTo: returnTarget(new URLSearchParams(target.search).get('return')),
    };
    const begun = attempts.begin(attempt, cookies);
    const url = await provider.authorizationUrl(attempt, begun.state);
    link.allow();
    response.setHeader('set-cookie', [
      ...begun.dropped.map(clearCookie),
      setCookie(begun.cookie.name, begun.cookie.value, attemptSeconds),
    ]);
    sendRedirect(response, url.href);
  }

  async #finish(arrival: Arrival): Promise<void> {
    const { provider, identities, sessions, sessionSeconds } = this.#options;
    const { target, cookies, response, link } = arrival;
    link.note({ kind: 'login', proof: 'oidc code + pkce + nonce' });
    const state = new URLSearchParams(target.search).get('state');
    const attempt = this.#take(state, arrival);
    response.setHeader('set-cookie', clearCookie(attempt.cookieName));
    const { claims, scope } = await provider.signIn(attempt, target.search, state ?? '');
    const user = mapUser(identities, claims, scope);
    link.note({ user: user.spiffeId.toString(), tenant: user.tenant });
    const old = findCookie(cookies, SESSION_COOKIE);
    if (old !== undefined) sessions.end(old);
    const { cookie } = sessions.create(user);
    link.allow();
    response.setHeader('set-cookie', [
      clearCookie(attempt.cookieName),
      setCookie(SESSION_COOKIE, cookie, sessionSeconds),
    ]);
    sendRedirect(response, attempt.returnTo, 303);
  }

  /** A sign-in was counted when it began; who comes back from none is counted here. */
  #take(state: string | null, arrival: Arrival): ReturnType<LoginAttempts['take']> {
    try {
      return this.#options.attempts.take(state, arrival.cookies);
    } catch (error) {
      this.#assertRate(arrival);
      throw error;
    }
  }

  #end(arrival: Arrival): void {
    assertSameOrigin(arrival, true);
    const { cookies, response, link, request } = arrival;
    const cookie = findCookie(cookies, SESSION_COOKIE);
    link.allow();
    if (cookie !== undefined) this.#options.sessions.end(cookie);
    request.resume();
    response.setHeader('set-cookie', clearCookie(SESSION_COOKIE));
    if (isNavigation({ ...arrival, method: 'GET' })) sendRedirect(response, '/', 303);
    else response.writeHead(204).end();
  }

  #tell({ response, link }: Arrival, session: Session | undefined): void {
    if (session === undefined) throw new Fault('SESSION_MISSING', 'sign in first');
    link.allow();
    const { user, expiresAt } = session;
    sendJson(response, {
      user: user.spiffeId.toString(),
      tenant: user.tenant,
      name: user.name,
      email: user.email,
      roles: user.roles,
      expiresAt: new Date(expiresAt).toISOString(),
    });
  }

  #assertRate({ address, response }: Arrival): void {
    const seconds = this.#rate.findWaitSeconds(address);
    if (seconds === undefined) return;
    response.setHeader('retry-after', seconds);
    throw new Fault('RATE_LIMITED', 'too many sign-ins from this address');
  }
}
