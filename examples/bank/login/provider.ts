import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { type Context, Provider } from 'oidc-provider';
import { messagePage } from './page.ts';
import type { Person } from './people.ts';

export interface ProviderOptions {
  readonly issuer: string;
  readonly clientSecret: string;
  /** Where the edge is reached. */
  readonly origins: readonly string[];
  readonly people: ReadonlyMap<string, Person>;
}

const SCOPE = 'openid profile email';

/** The OpenID Connect provider of both banks: one client, the edge; authorization code with PKCE and nothing else. Keys live as long as the process. */
export function newProvider({ issuer, clientSecret, origins, people }: ProviderOptions): Provider {
  const provider: Provider = new Provider(issuer, {
    clients: [
      {
        client_id: 'bank',
        client_secret: clientSecret,
        redirect_uris: origins.map((origin) => `${origin}/.hauberk/callback`),
        response_types: ['code'],
        grant_types: ['authorization_code'],
        token_endpoint_auth_method: 'client_secret_post',
        id_token_signed_response_alg: 'ES256',
      },
    ],
    jwks: { keys: [newSigningKey()] },
    cookies: { keys: [randomBytes(32).toString('base64url')] },
    scopes: SCOPE.split(' '),
    claims: { openid: ['sub'], profile: ['name', 'tenant', 'user_id'], email: ['email', 'email_verified'] },
    conformIdTokenClaims: false,
    findAccount: (_context: unknown, id: string) => findAccount(people, id),
    pkce: { required: () => true },
    features: { devInteractions: { enabled: false }, rpInitiatedLogout: { enabled: false } },
    interactions: { url: (_context: unknown, { uid }: { uid: string }) => `/sign-in/${uid}` },
    loadExistingGrant: (context: Context) => grant(provider, context),
    renderError: (context: Context) => {
      context.type = 'html';
      context.body = messagePage('This sign-in cannot go on', 'Go back to the bank and start again.');
    },
    ttl: { Session: 600, Grant: 600, AccessToken: 300, IdToken: 300, Interaction: 600, AuthorizationCode: 60 },
  });
  return provider;
}

function newSigningKey(): object {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const kid = randomBytes(8).toString('hex');
  return { ...privateKey.export({ format: 'jwk' }), kid, alg: 'ES256', use: 'sig' };
}

function findAccount(people: ReadonlyMap<string, Person>, id: string): object | undefined {
  const person = people.get(id);
  return person && { accountId: id, claims: () => ({ sub: id, ...person.claims }) };
}

/** The bank is the provider's own client: nobody is asked to consent. */
async function grant(provider: Provider, { oidc }: Context): Promise<object | undefined> {
  const clientId = oidc.client?.clientId;
  const accountId = oidc.session?.accountId;
  if (clientId === undefined || accountId === undefined) return undefined;
  const own = new provider.Grant({ clientId, accountId });
  own.addOIDCScope(SCOPE);
  await own.save();
  return own;
}
