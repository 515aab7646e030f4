import type { IncomingMessage, ServerResponse } from 'node:http';
import { claimedIdentities, normalName } from '#http';
import { Fault, type Log, toFault } from '#kernel';
import { type AuthService, injectedNames, type Route, RouteTable, rewritePath } from '#routing';
import type { ServiceResource } from '#wire';
import { type Arrival, assertSameOrigin, findValue, isNavigation, receive } from './arrival.ts';
import { AuthServiceClient } from './ask-auth-service.ts';
import { findCookie, SESSION_COOKIE } from './cookies.ts';
import { sendDenial, sendRedirect } from './denial.ts';
import { assertMethod, type Forwarding, forward } from './forward.ts';
import { Link, type LinkOptions } from './link.ts';
import type { Minters } from './minters.ts';
import { forwardedFields, type OnwardTokens, onwardFields } from './onward-fields.ts';
import { type Page, sendPage } from './pages.ts';
import type { Session, Sessions } from './sessions.ts';
import { OWN_PREFIX, type SignIn } from './sign-in.ts';
import { UnderWay } from './under-way.ts';
import type { Upstreams } from './upstreams.ts';
import { baseClaims, type UserTokens } from './user-tokens.ts';

export interface FrontDoorOptions extends LinkOptions {
  readonly hosts: ReadonlySet<string>;
  readonly routes: readonly Route[];
  readonly auth: AuthService;
  readonly pages: ReadonlyMap<string, Page>;
  readonly sessions: Sessions;
  readonly signIn: SignIn;
  readonly tokens: UserTokens;
  readonly minters: Minters;
  readonly upstreams: Upstreams;
  readonly log: Log;
}

interface Admitted {
  readonly session?: Session;
  readonly told: readonly (readonly [string, string])[];
}

/** One request through the edge: read → route → user → tenant → mint → forward. Whatever fails is a denial, and every request leaves a receipt. */
export class FrontDoor {
  readonly #options: FrontDoorOptions;
  readonly #table: RouteTable;
  readonly #injected: ReadonlySet<string>;
  readonly #authClient: AuthServiceClient | undefined;
  readonly #underWay = new UnderWay();
  readonly #unsubscribe: () => void;

  constructor(options: FrontDoorOptions) {
    this.#options = options;
    this.#table = new RouteTable(options.routes);
    const { auth } = options;
    const told = auth.kind === 'external' ? [...auth.authorizationHeaders].map(normalName) : [];
    this.#injected = new Set([...injectedNames(options.routes), ...told]);
    this.#authClient = auth.kind === 'external' ? new AuthServiceClient(auth) : undefined;
    this.#unsubscribe = options.workload.onRevocation(() =>
      this.#underWay.recheck((session) => this.#assertLive(session)),
    );
  }

  async handle(request: IncomingMessage, response: ServerResponse, scheme: 'http' | 'https'): Promise<void> {
    const link = new Link(this.#options);
    response.setHeader('x-request-id', link.txn);
    let arrival: Arrival | undefined;
    try {
      arrival = receive({ request, response, link, scheme });
      await this.#answer(arrival);
    } catch (error) {
      this.#refuse(response, link, toFault(error), arrival);
    }
  }

  async close(): Promise<void> {
    this.#unsubscribe();
    await this.#authClient?.close();
  }

  async #answer(arrival: Arrival): Promise<void> {
    const { target, method, request, link } = arrival;
    if (!this.#options.hosts.has(target.host)) throw new Fault('ROUTE_NOT_FOUND', 'no such host is served here');
    const cookie = findCookie(arrival.cookies, SESSION_COOKIE);
    const findSession = (): Session | undefined =>
      cookie === undefined ? undefined : this.#live(this.#options.sessions.find(cookie));
    if (target.path.startsWith(OWN_PREFIX)) return this.#options.signIn.answer(arrival, findSession);
    const route = this.#table.find({ target, method, headers: request.headers });
    if (route === undefined) return this.#page(arrival);
    link.note({ rule: route.name });
    assertMethod(method);
    const admitted = await this.#admit(arrival, route, findSession);
    if (admitted !== undefined) await this.#forward(arrival, route, admitted);
  }

  /** Who is asking; undefined when the AuthService has answered in its own words. */
  async #admit(arrival: Arrival, route: Route, findSession: () => Session | undefined): Promise<Admitted | undefined> {
    if (route.bypassAuth) return { told: [] };
    const told = await this.#ask(arrival);
    if (told === undefined) return undefined;
    const session = this.#options.auth.kind === 'hauberk' || route.jwt !== undefined ? findSession() : undefined;
    if (session === undefined) {
      if (this.#options.auth.kind === 'hauberk' || route.jwt !== undefined)
        throw new Fault('SESSION_MISSING', 'sign in first');
      return { told };
    }
    arrival.link.note({ user: session.user.spiffeId.toString(), tenant: session.user.tenant, proof: 'session' });
    assertSameOrigin(arrival);
    return { session, told };
  }

  async #forward(arrival: Arrival, route: Route, { session, told }: Admitted): Promise<void> {
    const { link, request, response, target } = arrival;
    link.noteStripped(claimedIdentities(arrival.fields, this.#injected));
    const service = this.#findService(route, session);
    const path = `${rewritePath(route, target.path)}${target.search}`;
    const tokens = session === undefined ? undefined : await this.#mint(arrival, route, session);
    const headers = onwardFields(arrival, {
      route,
      injected: this.#injected,
      told,
      ...(tokens === undefined ? {} : { tokens }),
    });
    link.note({ detail: { upstream: service.spiffeId } });
    const pool = this.#options.upstreams.find(route.service, service);
    const onHead: Forwarding['onHead'] = (status, answered) => {
      link.note({ detail: { status } });
      link.allow();
      if (status === 401 && answered['x-hauberk-code'] === 'MINTER_UNKNOWN') this.#registerAgain(service.trustDomain);
    };
    await this.#underWay.run(session, (cancellation) =>
      forward({ pool, request, response, route, path, headers, cancellation, onHead }),
    );
  }

  /** The service of a route must be of the user's own trust domain: tokens are minted for one tenant and never for another. */
  #findService(route: Route, session: Session | undefined): ServiceResource {
    const service = this.#options.workload.findService(route.service);
    if (service === undefined) throw new Fault('SERVICE_UNKNOWN', 'the service of the route is not in the registry');
    if (session !== undefined && service.trustDomain !== session.user.tenant)
      throw new Fault('ROUTE_TENANT_MISMATCH', 'this route belongs to another tenant');
    return service;
  }

  async #mint(arrival: Arrival, route: Route, session: Session): Promise<OnwardTokens> {
    const { tokens } = this.#options;
    const txnToken = await tokens.txnToken(session, arrival.link.txn, arrival.address);
    if (route.jwt?.requireToken !== true) return { txnToken, claims: baseClaims(session) };
    const origin = `${arrival.scheme}://${arrival.target.authority}`;
    const { token, claims } = await tokens.internalJwt(session, route.jwt, origin);
    return { txnToken, internalJwt: token, claims };
  }

  /** Fields for the service; undefined when the client has been answered. */
  async #ask(arrival: Arrival): Promise<readonly (readonly [string, string])[] | undefined> {
    if (this.#authClient === undefined) return [];
    const { method, target, fields, response, link } = arrival;
    const answer = await this.#authClient.ask(
      method,
      `${target.path}${target.search}`,
      fields,
      forwardedFields(arrival),
    );
    if (answer.allowed) return answer.headers;
    link.deny(new Fault('AUTH_SERVICE_DENIED', 'the authentication service said no'));
    response.writeHead(answer.status, { ...answer.headers, 'content-length': answer.body.length }).end(answer.body);
    return undefined;
  }

  #live(session: Session | undefined): Session | undefined {
    if (session !== undefined) this.#assertLive(session);
    return session;
  }

  #assertLive({ user, sid, createdAt }: Session): void {
    const subject = { user: user.spiffeId.toString(), session: sid, since: Math.floor(createdAt / 1000) };
    if (this.#options.workload.isRevoked(user.tenant, subject))
      throw new Fault('TOKEN_REVOKED', 'the session has been revoked');
  }

  #page({ method, target, fields, response, link }: Arrival): void {
    const page = this.#options.pages.get(target.path);
    if (page === undefined || (method !== 'GET' && method !== 'HEAD'))
      throw new Fault('ROUTE_NOT_FOUND', 'no route leads there');
    link.note({ rule: 'pages' });
    link.allow();
    sendPage(response, page, findValue(fields, 'if-none-match'));
  }

  #registerAgain(trustDomain: string): void {
    this.#options.minters.unknown(trustDomain).catch((error: unknown) => {
      this.#options.log.warn('minter not registered again', { trustDomain, error });
    });
  }

  #refuse(response: ServerResponse, link: Link, fault: Fault, arrival: Arrival | undefined): void {
    if (fault.code === 'INTERNAL_ERROR')
      this.#options.log.error('request failed', { id: link.id, txn: link.txn, error: fault });
    else if (fault.cause !== undefined)
      this.#options.log.info('request denied', { id: link.id, txn: link.txn, error: fault });
    link.deny(fault);
    if (response.headersSent || response.destroyed) return void response.destroy();
    const signIn = fault.code === 'SESSION_MISSING' || fault.code === 'SESSION_EXPIRED';
    if (signIn && arrival !== undefined && !arrival.target.path.startsWith(OWN_PREFIX) && isNavigation(arrival)) {
      const { path, search } = arrival.target;
      response.setHeader('x-hauberk-code', fault.code);
      sendRedirect(response, `${OWN_PREFIX}login?return=${encodeURIComponent(`${path}${search}`)}`);
      return;
    }
    const auth = this.#options.auth;
    const status =
      fault.code === 'AUTH_SERVICE_UNAVAILABLE' && auth.kind === 'external' ? { status: auth.statusOnError } : {};
    // What is left of a body is not read: the connection ends with the answer.
    const closing = arrival?.request.complete === false ? { headers: { connection: 'close' } } : {};
    sendDenial(response, { fault, id: link.id, ...status, ...closing });
  }
}
