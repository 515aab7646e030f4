import { encodeSigningInput, joseSignature, type PublicJwk } from '#jws';
import { Fault, type JsonObject, randomBase64url, unixSeconds } from '#kernel';
import {
  type JwtBundleSet,
  jwtSvid,
  parseJwtBundle,
  parseWitBundle,
  type SpiffeId,
  verifyJwtSvidInPool,
  verifyMadeJwtSvid,
  verifyWitSvid,
  type WitBundleSet,
  witSvid,
} from '#spiffe';
import type { AuthorityBundle } from './authority-bundle.ts';
import { KEY_USE } from './key-type.ts';
import { SignatureChecks } from './signature-checks.ts';
import type { Slot } from './slot.ts';
import type { IssuerOptions } from './x509-issuer.ts';

export interface JwtSvidRequest {
  readonly id: SpiffeId;
  /** At least one. */
  readonly audience: readonly string[];
  readonly ttlSeconds: number;
  /** With a `jti` of its own. */
  readonly jti?: boolean;
}

export interface WitSvidRequest {
  readonly id: SpiffeId;
  /** Public key of the holder and the algorithm that it will be proven with. */
  readonly publicJwk: PublicJwk & { readonly alg: string };
  readonly ttlSeconds: number;
}

export interface IssuedToken {
  readonly token: string;
  readonly kid: string;
  /** Unix seconds. */
  readonly issuedAt: number;
  readonly expiresAt: number;
}

export interface TokenIssuerOptions extends IssuerOptions {
  /** `iss` of JWT-SVIDs, where OpenID Connect discovery is served. */
  readonly jwtIssuer?: () => string | undefined;
}

/** Issues JWT-SVIDs and WIT-SVIDs in the three steps of `X509Issuer`. */
export class TokenIssuer {
  readonly #options: TokenIssuerOptions;
  readonly #checks: SignatureChecks;
  #bundle: AuthorityBundle | undefined;
  #jwt: JwtBundleSet = new Map();
  #wit: WitBundleSet = new Map();

  constructor(options: TokenIssuerOptions) {
    this.#options = options;
    this.#checks = new SignatureChecks(options.keyManager);
  }

  async issueJwt(request: JwtSvidRequest, active: Slot, bundle: AuthorityBundle): Promise<IssuedToken> {
    const { random } = this.#options;
    const issuer = this.#options.jwtIssuer?.();
    const { id, audience } = request;
    const times = this.#times(request.ttlSeconds, active);
    const { header, claims } = jwtSvid({
      ...times,
      id,
      audience,
      kid: active.id,
      algorithm: KEY_USE[active.keyType].jws,
      ...(request.jti === true ? { jti: randomBase64url(random, 16) } : {}),
      ...(issuer === undefined ? {} : { issuer }),
    });
    const { token, input } = await this.#sign(header, claims, active);
    this.#trust(bundle);
    const question = { token, audience: audience[0] ?? '', bundles: this.#jwt, at: this.#options.clock.now() };
    await this.#assertMade(id, { active, bundle }, (checked) =>
      checked ? verifyJwtSvidInPool(question) : verifyMadeJwtSvid(question, input),
    );
    return { token, kid: active.id, ...times };
  }

  async issueWit(request: WitSvidRequest, active: Slot, bundle: AuthorityBundle): Promise<IssuedToken> {
    const { id, publicJwk } = request;
    const times = this.#times(request.ttlSeconds, active);
    const algorithm = KEY_USE[active.keyType].jws;
    const { header, claims } = witSvid({ ...times, id, kid: active.id, algorithm, confirmation: publicJwk });
    const { token } = await this.#sign(header, claims, active);
    this.#trust(bundle);
    const at = this.#options.clock.now();
    await this.#assertMade(id, { active, bundle }, () => verifyWitSvid({ token, bundles: this.#wit, at }));
    return { token, kid: active.id, ...times };
  }

  #times(ttlSeconds: number, active: Slot): { readonly issuedAt: number; readonly expiresAt: number } {
    const issuedAt = unixSeconds(this.#options.clock);
    return { issuedAt, expiresAt: Math.min(issuedAt + ttlSeconds, Math.floor(active.notAfter / 1000)) };
  }

  async #sign(
    header: JsonObject,
    claims: JsonObject,
    active: Slot,
  ): Promise<{ readonly token: string; readonly input: string }> {
    const input = encodeSigningInput(header, claims);
    const signature = await this.#options.keyManager.sign(active.keyName, Buffer.from(input));
    const { scalarBytes } = KEY_USE[active.keyType];
    const jose = scalarBytes === undefined ? signature : joseSignature(signature, scalarBytes);
    return { token: `${input}.${jose.toString('base64url')}`, input };
  }

  #trust(bundle: AuthorityBundle): void {
    if (bundle === this.#bundle) return;
    const { trustDomain } = this.#options;
    this.#jwt = new Map([[trustDomain, parseJwtBundle(bundle)]]);
    this.#wit = new Map([[trustDomain, parseWitBundle(bundle)]]);
    this.#bundle = bundle;
  }
  /** The third step: whatever leaves here is accepted by the validator that relying parties use. */
  async #assertMade(
    id: SpiffeId,
    { active, bundle }: { readonly active: Slot; readonly bundle: AuthorityBundle },
    verify: (checked: boolean) => { readonly id: SpiffeId } | Promise<{ readonly id: SpiffeId }>,
  ): Promise<void> {
    const checked = this.#checks.isDue(active, bundle);
    try {
      if (!(await verify(checked)).id.equals(id))
        throw new Fault('INTERNAL_ERROR', 'the token says something else than was asked for');
      if (checked) this.#checks.held(active);
    } catch (cause) {
      this.#checks.failed(active);
      throw new Fault('IDENTITY_UNAVAILABLE', 'the token that was made does not verify, so it is not given out', {
        cause,
      });
    }
  }
}
