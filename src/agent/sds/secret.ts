import { createHash } from 'node:crypto';
import type { BundleResource } from '#wire';
import {
  type CertificateValidationContext,
  Secret,
  SPIFFECertValidatorConfig,
} from '#wire/gen/envoy/extensions/transport_sockets/tls/v3/secret';
import { pemCertificates } from '#x509';
import { type Bundles, x509Authorities } from '../bundles.ts';
import type { X509Identity } from '../x509-identities.ts';

const TLS = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3';
export const SECRET_TYPE = `${TLS}.Secret`;

/** One secret as it goes to Envoy; its version is its content's. */
export interface EncodedSecret {
  readonly name: string;
  readonly version: string;
  readonly value: Uint8Array;
}

export function tlsCertificate(name: string, { svid, keyDer }: X509Identity): EncodedSecret {
  const key = `-----BEGIN PRIVATE KEY-----\n${keyDer.toString('base64').replace(/.{1,64}/g, '$&\n')}-----END PRIVATE KEY-----\n`;
  return encode({
    name,
    tlsCertificate: {
      certificateChain: { inlineBytes: Buffer.from(pemCertificates(svid.chain)) },
      privateKey: { inlineBytes: Buffer.from(key) },
    },
  });
}

/** Peers of these trust domains, each by its own bundle: Envoy's SPIFFE validator. */
export function spiffeValidator(name: string, bundles: Bundles): EncodedSecret {
  const trustDomains = [...bundles]
    .map(([trustDomain, bundle]) => ({ name: trustDomain, trustBundle: { inlineBytes: pemOf(bundle) } }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const value = SPIFFECertValidatorConfig.encode({ trustDomains }).finish();
  return validation(name, {
    trustedCa: undefined,
    customValidatorConfig: {
      name: 'envoy.tls.cert_validator.spiffe',
      typedConfig: { typeUrl: `${TLS}.SPIFFECertValidatorConfig`, value },
    },
  });
}

/** A plain pool of roots, for an Envoy that has no SPIFFE validator: of one trust domain only. */
export function trustedCa(name: string, bundle: BundleResource): EncodedSecret {
  return validation(name, { trustedCa: { inlineBytes: pemOf(bundle) }, customValidatorConfig: undefined });
}

function validation(name: string, validationContext: CertificateValidationContext): EncodedSecret {
  return encode({ name, validationContext });
}

function encode(secret: Secret): EncodedSecret {
  const value = Secret.encode(secret).finish();
  return { name: secret.name, version: createHash('sha256').update(value).digest('hex').slice(0, 16), value };
}

function pemOf(bundle: BundleResource): Buffer {
  return Buffer.from(pemCertificates(x509Authorities(bundle)));
}
