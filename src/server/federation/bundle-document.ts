import {
  formatBundle,
  type ParsedBundle,
  parseJwtBundle,
  parseTrustDomain,
  parseWitBundle,
  parseX509Bundle,
} from '#spiffe';
import { type BundleKey, type BundleResource, readSequence, writeSequence } from '#wire';

/** What a bundle endpoint serves of a bundle that the registry holds (Federation §5.2). */
export function bundleDocument(bundle: BundleResource): string {
  return formatBundle({
    trustDomain: parseTrustDomain(bundle.trustDomain),
    x509: parseX509Bundle(bundle),
    jwt: parseJwtBundle(bundle),
    wit: parseWitBundle(bundle),
    sequence: readSequence(bundle.sequence),
    refreshHintSeconds: bundle.refreshHintSeconds,
  });
}

/**
 * A bundle that was fetched, as the registry holds it. One without `spiffe_sequence` counts as new as what is `known`, for its publisher does
 * not count.
 */
export function bundleResource(parsed: ParsedBundle, known: BundleResource | undefined): BundleResource {
  const keys = (authorities: ParsedBundle['jwt']['authorities']): readonly BundleKey[] =>
    [...authorities].map(([kid, { key }]) => ({
      kid,
      publicKey: key.export({ type: 'spki', format: 'der' }).toString('base64'),
    }));
  return {
    trustDomain: parsed.trustDomain,
    x509Authorities: parsed.x509.authorities.map(({ der }) => der.toString('base64')),
    jwtAuthorities: keys(parsed.jwt.authorities),
    witAuthorities: keys(parsed.wit.authorities),
    sequence: parsed.sequence === undefined ? (known?.sequence ?? 0) : writeSequence(parsed.sequence),
    refreshHintSeconds: parsed.refreshHintSeconds ?? 0,
  };
}
