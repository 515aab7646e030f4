import {
  allowInsecureRequests,
  authorizationCodeGrant,
  buildAuthorizationUrl,
  type Configuration,
  calculatePKCECodeChallenge,
  customFetch,
  discovery,
  enableNonRepudiationChecks,
  fetchUserInfo,
} from 'openid-client';
import { type Clock, Fault, type Log, type Secret } from '#kernel';
import type { LoginAttempt } from './login-attempts.ts';
import { isLoopbackName, ProviderFetch } from './provider-fetch.ts';

export interface ProviderOptions {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: Secret;
  readonly scopes: readonly string[];
  readonly clock: Clock;
  readonly log: Log;
}

export interface SignedIn {
  readonly claims: Readonly<Record<string, unknown>>;
  readonly scope: readonly string[];
}

/** What is known about the provider is read again after this: it may have been restarted with other keys. */
const FRESH_MILLIS = 30_000;

/** The OpenID Connect provider: authorization code with PKCE S256, state and nonce; the ID token's signature, `iss`, `aud`, `exp` and `nonce` are checked. */
export class Provider {
  readonly #options: ProviderOptions;
  readonly #http = new ProviderFetch();
  #known: { readonly config: Configuration; readonly at: number } | undefined;
  #asking: Promise<Configuration> | undefined;

  /** Throws `CONFIG_INVALID` for an issuer that is neither https nor on this machine. */
  constructor(options: ProviderOptions) {
    this.#options = options;
    const { protocol, hostname } = parseIssuer(options.issuer);
    if (protocol !== 'https:' && !(protocol === 'http:' && isLoopbackName(hostname)))
      throw new Fault('CONFIG_INVALID', 'the issuer is an https URL, or an http URL under localhost');
  }

  /** Where the browser goes. Throws `LOGIN_PROVIDER_UNAVAILABLE`. */
  async authorizationUrl(attempt: LoginAttempt, state: string): Promise<URL> {
    return buildAuthorizationUrl(await this.#discovered(), {
      response_type: 'code',
      redirect_uri: attempt.redirectUri,
      scope: this.#options.scopes.join(' '),
      state,
      nonce: attempt.nonce,
      code_challenge: await calculatePKCECodeChallenge(attempt.verifier),
      code_challenge_method: 'S256',
    });
  }

  /** Exchanges the code. Throws `LOGIN_FAILED`; what is known about the provider is then read again. */
  async signIn(attempt: LoginAttempt, query: string, state: string): Promise<SignedIn> {
    const config = await this.#discovered();
    try {
      const currentUrl = new URL(`${attempt.redirectUri}${query}`);
      const tokens = await authorizationCodeGrant(config, currentUrl, {
        pkceCodeVerifier: attempt.verifier,
        expectedNonce: attempt.nonce,
        expectedState: state,
        idTokenExpected: true,
      });
      const idToken = tokens.claims();
      if (idToken === undefined) throw new Fault('LOGIN_FAILED', 'the provider sent no ID token');
      const more = config.serverMetadata().userinfo_endpoint !== undefined;
      const userInfo = more ? await fetchUserInfo(config, tokens.access_token, idToken.sub) : {};
      return {
        claims: { ...userInfo, ...idToken },
        scope: (tokens.scope ?? '').split(' ').filter((one) => one !== ''),
      };
    } catch (cause) {
      this.#known = undefined;
      throw new Fault('LOGIN_FAILED', 'the identity provider did not confirm the sign-in', { cause });
    }
  }

  close(): Promise<void> {
    return this.#http.close();
  }

  /** One question at a time; an older answer serves while the provider is away. */
  async #discovered(): Promise<Configuration> {
    const known = this.#known;
    if (known !== undefined && this.#options.clock.monotonic() - known.at < FRESH_MILLIS) return known.config;
    this.#asking ??= this.#discover().finally(() => {
      this.#asking = undefined;
    });
    try {
      return await this.#asking;
    } catch (cause) {
      this.#options.log.warn('identity provider not discovered', { error: cause });
      if (known !== undefined) return known.config;
      throw new Fault('LOGIN_PROVIDER_UNAVAILABLE', 'the identity provider does not answer', { cause });
    }
  }

  async #discover(): Promise<Configuration> {
    const { issuer, clientId, clientSecret, clock } = this.#options;
    const url = parseIssuer(issuer);
    const execute =
      url.protocol === 'http:' ? [allowInsecureRequests, enableNonRepudiationChecks] : [enableNonRepudiationChecks];
    const config = await discovery(url, clientId, clientSecret.reveal(), undefined, {
      execute,
      timeout: 10,
      [customFetch]: (target, options) => this.#http.fetch(target, options),
    });
    this.#known = { config, at: clock.monotonic() };
    return config;
  }
}

function parseIssuer(issuer: string): URL {
  try {
    return new URL(issuer);
  } catch (cause) {
    throw new Fault('CONFIG_INVALID', 'the issuer is not a URL', { cause });
  }
}
