import { readFileSync } from 'node:fs';
import { reasonCode } from '#chain';
import { type Clock, Fault, LIMITS, Lifecycle, type Log, pooledRandom, type Random, Secret } from '#kernel';
import { findAuthService, parseMapping, type Route } from '#routing';
import { connectAgent } from './agent-workload.ts';
import { type EdgeConfig, type EdgeSettings, readSettings } from './config.ts';
import type { EdgeWorkload } from './edge-workload.ts';
import { FrontDoor } from './front-door.ts';
import { Link } from './link.ts';
import { type Listener, type ListenerOptions, listenHttp, listenHttps } from './listeners.ts';
import { LoginAttempts } from './login-attempts.ts';
import { Minters, registerAtStart } from './minters.ts';
import { readPages } from './pages.ts';
import { Provider } from './provider.ts';
import { Sessions } from './sessions.ts';
import { SignIn } from './sign-in.ts';
import { Upstreams } from './upstreams.ts';
import { UserTokens } from './user-tokens.ts';

export interface EdgeOptions extends EdgeConfig {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Instead of the agent's at `agentSocket`. */
  readonly workload?: EdgeWorkload;
}

export interface RunningEdge {
  readonly http?: { readonly host: string; readonly port: number };
  readonly https?: { readonly host: string; readonly port: number };
  close(): Promise<void>;
}

const ATTEMPT_SECONDS = 600;
const START_MILLIS = 60_000;

/**
 * Starts an edge: reads its documents (all of it before anything listens), gets its identity, registers as minter of every tenant it maps users
 * to, and listens. Throws `CONFIG_INVALID`, `CONFIG_UNREADABLE`, `PORT_OCCUPIED`, `IDENTITY_…`, `MINTER_NOT_AUTHORIZED`.
 */
export async function startEdge(options: EdgeOptions): Promise<RunningEdge> {
  const settings = readSettings(options.document);
  const routes = options.routes.filter((one) => Object(one).kind === 'Mapping').map(parseMapping);
  const auth = findAuthService(options.routes);
  const pages = settings.pages === undefined ? new Map() : readPages(settings.pages);
  const provider = openProvider(options, settings);
  const life = new Lifecycle();
  try {
    life.own(provider);
    const workload = life.own(options.workload ?? (await connectAgent(options)));
    const minters = await openMinters(options, workload, settings, routes);
    const upstreams = life.own(new Upstreams(workload));
    const parts = { ...options, workload, minters, random: pooledRandom(options.random) };
    const sessions = openSessions(options, settings);
    const door = life.own(
      new FrontDoor({
        ...{ ...parts, routes, auth, pages, sessions, upstreams },
        hosts: new Set(options.hosts),
        signIn: openSignIn(options, settings, { sessions, provider }),
        tokens: new UserTokens({ ...parts, ...settings }),
      }),
    );
    const listening: Omit<ListenerOptions, 'listen'> = {
      workload,
      handle: (request, response, scheme) => door.handle(request, response, scheme),
      refuse: (fault) => refuseUnread(new Link(parts), fault),
    };
    const http = options.http && life.own(await listenHttp({ ...listening, listen: options.http }));
    const https = options.https && life.own(await listenHttps({ ...listening, listen: options.https }));
    return { ...addresses({ http, https }), close: () => life.close() };
  } catch (error) {
    await life.close();
    throw error;
  }
}

function openProvider({ clock, log }: EdgeOptions, { oidc }: EdgeSettings): Provider {
  const { issuer, clientId, scopes } = oidc;
  return new Provider({ issuer, clientId, scopes, clientSecret: readSecret(oidc.clientSecretFile), clock, log });
}

async function openMinters(
  { clock, log }: EdgeOptions,
  workload: EdgeWorkload,
  { identities }: EdgeSettings,
  routes: readonly Route[],
): Promise<Minters> {
  const internal = routes.some(({ jwt }) => jwt?.requireToken === true);
  const minters = new Minters({
    workload,
    clock,
    log,
    kinds: internal ? ['txn-token', 'internal-jwt'] : ['txn-token'],
  });
  const tenants = new Set(identities.map(({ tenant }) => tenant));
  await registerAtStart(minters, [...tenants], { clock, log, millis: START_MILLIS });
  return minters;
}

function openSessions({ clock, random }: EdgeOptions, { sessionSeconds, idleSeconds }: EdgeSettings): Sessions {
  return new Sessions({
    clock,
    random,
    lifetimeSeconds: sessionSeconds,
    idleSeconds,
    limit: LIMITS.edgeSessions.value,
  });
}

function openSignIn(
  { clock, random }: EdgeOptions,
  { identities, sessionSeconds }: EdgeSettings,
  { sessions, provider }: { readonly sessions: Sessions; readonly provider: Provider },
): SignIn {
  const attempts = new LoginAttempts({
    ...{ clock, random, lifetimeSeconds: ATTEMPT_SECONDS },
    limit: LIMITS.edgeLoginAttempts.value,
    perBrowser: LIMITS.edgeLoginAttemptsPerBrowser.value,
  });
  return new SignIn({
    clock,
    random,
    sessions,
    attempts,
    provider,
    identities,
    sessionSeconds,
    attemptSeconds: ATTEMPT_SECONDS,
  });
}

/** The answer to bytes that are no request, with a receipt like any other denial. */
function refuseUnread(link: Link, fault: Fault): string {
  link.deny(fault);
  const { http, meaning } = reasonCode(fault.code);
  const body = JSON.stringify({ code: fault.code, message: meaning, id: link.id });
  const head = [
    `HTTP/1.1 ${http} Denied`,
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(body)}`,
    `x-hauberk-code: ${fault.code}`,
    `x-request-id: ${link.txn}`,
    'connection: close',
  ];
  return `${head.join('\r\n')}\r\n\r\n${body}`;
}

function readSecret(file: string): Secret {
  try {
    return new Secret(readFileSync(file, 'utf8').trim());
  } catch (cause) {
    throw new Fault('CONFIG_UNREADABLE', `the client secret cannot be read from ${file}`, { cause });
  }
}

function addresses(listeners: {
  readonly http?: Listener | undefined;
  readonly https?: Listener | undefined;
}): Omit<RunningEdge, 'close'> {
  const { http, https } = listeners;
  return {
    ...(http === undefined ? {} : { http: { host: http.host, port: http.port } }),
    ...(https === undefined ? {} : { https: { host: https.host, port: https.port } }),
  };
}
