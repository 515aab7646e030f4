import { randomHex, systemRandom } from '#kernel';
import { SpiffeId } from '#spiffe';

/** An entry in the words of the command line. */
export interface EntryWords {
  readonly spiffeId: string;
  readonly parentId: string;
  readonly selector: readonly string[];
  readonly entryId?: string;
  readonly owner?: string;
  readonly x509SvidTtl?: string;
  readonly jwtSvidTtl?: string;
  readonly dns?: readonly string[];
  readonly federatesWith?: readonly string[];
  readonly hint?: string;
  readonly entryExpiry?: string;
  readonly admin?: true;
  readonly downstream?: true;
  readonly storeSvid?: true;
}

/** The document that says the same. Throws `SPIFFE_ID_INVALID`; the rest is judged with the document. */
export function entryDocument(words: EntryWords): object {
  const { trustDomain, path } = SpiffeId.parse(words.spiffeId);
  const name = words.entryId ?? `${slug(path)}-${randomHex(systemRandom, 4)}`;
  return {
    apiVersion: 'hauberk.dev/v1',
    kind: 'Entry',
    metadata: { name, trustDomain, ...given('owner', words.owner) },
    spec: {
      spiffeId: words.spiffeId,
      parentId: words.parentId,
      selectors: words.selector,
      ...given('x509SvidLifetime', words.x509SvidTtl),
      ...given('jwtSvidLifetime', words.jwtSvidTtl),
      ...given('dnsNames', words.dns),
      ...given('federatesWith', words.federatesWith),
      ...given('hint', words.hint),
      ...given('expiresAt', words.entryExpiry),
      ...given('admin', words.admin),
      ...given('downstream', words.downstream),
      ...given('storeSvid', words.storeSvid),
    },
  };
}

function slug(path: string): string {
  const words = path.toLowerCase().split(/[^a-z0-9.]+/);
  return (
    words
      .filter((word) => word !== '')
      .join('-')
      .slice(0, 200) || 'entry'
  );
}

function given(key: string, value: unknown): object {
  return value === undefined ? {} : { [key]: value };
}
