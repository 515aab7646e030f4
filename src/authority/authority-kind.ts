/** What a key signs: SVIDs of one kind each. */
export const AUTHORITY_KINDS = ['x509', 'jwt', 'wit'] as const;
export type AuthorityKind = (typeof AUTHORITY_KINDS)[number];
