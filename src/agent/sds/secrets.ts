import type { BundleResource } from '#wire';
import { type Bundles, federatedBundles, ownBundles } from '../bundles.ts';
import type { Entitlement } from '../entitlement.ts';
import type { X509Identity } from '../x509-identities.ts';
import { type EncodedSecret, spiffeValidator, tlsCertificate, trustedCa } from './secret.ts';

/** Names that are no identity of their own; SPIRE's are the defaults. */
export interface SecretNames {
  readonly defaultSvid: string;
  readonly defaultBundle: string;
  readonly allBundles: string;
}

export interface SecretsOf {
  readonly names: SecretNames;
  readonly identities: readonly [X509Identity, ...X509Identity[]];
  readonly entitled: readonly Entitlement[];
  readonly spiffeValidator: boolean;
}

/** The secrets of one caller at one moment, made when asked for by name. */
export class Secrets {
  readonly #of: SecretsOf;
  readonly #bundles: Bundles;

  constructor(of: SecretsOf) {
    this.#of = of;
    this.#bundles = new Map([...ownBundles(of.entitled), ...federatedBundles(of.entitled)]);
  }

  /** Every SVID by its id and every bundle by that of its trust domain: what an empty list of names means. */
  all(): readonly EncodedSecret[] {
    const ids = this.#of.identities.map(({ entry }) => entry.spiffeId);
    const names = [...[...this.#bundles.keys()].map((name) => `spiffe://${name}`), ...new Set(ids)];
    return names.flatMap((name) => this.find(name) ?? []);
  }

  /** Undefined for a name that is not the caller's to ask for. */
  find(name: string): EncodedSecret | undefined {
    const { names, identities } = this.#of;
    const [first] = identities;
    if (name === names.defaultSvid) return tlsCertificate(name, first);
    if (name === names.defaultBundle)
      return this.#validation(name, first.membership.name, first.membership.ownBundle());
    if (name === names.allBundles) return this.#of.spiffeValidator ? spiffeValidator(name, this.#bundles) : undefined;
    const identity = identities.find(({ entry }) => entry.spiffeId === name);
    if (identity !== undefined) return tlsCertificate(name, identity);
    const trustDomain = /^spiffe:\/\/([^/]+)$/.exec(name)?.[1] ?? '';
    const bundle = this.#bundles.get(trustDomain);
    return bundle === undefined ? undefined : this.#validation(name, trustDomain, bundle);
  }

  #validation(name: string, trustDomain: string, bundle: BundleResource): EncodedSecret {
    return this.#of.spiffeValidator ? spiffeValidator(name, new Map([[trustDomain, bundle]])) : trustedCa(name, bundle);
  }
}
