/** Object identifiers of RFC 5280, RFC 5480 and RFC 8410 that Hauberk reads or writes. */
export const OID = {
  commonName: '2.5.4.3',
  serialNumber: '2.5.4.5',
  country: '2.5.4.6',
  locality: '2.5.4.7',
  province: '2.5.4.8',
  street: '2.5.4.9',
  organization: '2.5.4.10',
  organizationalUnit: '2.5.4.11',
  postalCode: '2.5.4.17',
  subjectKeyId: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  nameConstraints: '2.5.29.30',
  certificatePolicies: '2.5.29.32',
  policyMappings: '2.5.29.33',
  policyConstraints: '2.5.29.36',
  inhibitAnyPolicy: '2.5.29.54',
  anyPolicy: '2.5.29.32.0',
  emailAddress: '1.2.840.113549.1.9.1',
  authorityKeyId: '2.5.29.35',
  extKeyUsage: '2.5.29.37',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
  anyExtendedKeyUsage: '2.5.29.37.0',
  extensionRequest: '1.2.840.113549.1.9.14',
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  ecdsaWithSha384: '1.2.840.10045.4.3.3',
  ecdsaWithSha512: '1.2.840.10045.4.3.4',
  rsaWithSha256: '1.2.840.113549.1.1.11',
  rsaWithSha384: '1.2.840.113549.1.1.12',
  rsaWithSha512: '1.2.840.113549.1.1.13',
  ed25519: '1.3.101.112',
} as const;

/** Hash of a signature algorithm, and the type of key that makes it; undefined for algorithms that are not accepted (SHA-1, MD5, …). */
export function signatureScheme(
  algorithm: string,
): { readonly hash: string | null; readonly key: 'ec' | 'rsa' | 'ed25519' } | undefined {
  switch (algorithm) {
    case OID.ecdsaWithSha256:
      return { hash: 'sha256', key: 'ec' };
    case OID.ecdsaWithSha384:
      return { hash: 'sha384', key: 'ec' };
    case OID.ecdsaWithSha512:
      return { hash: 'sha512', key: 'ec' };
    case OID.rsaWithSha256:
      return { hash: 'sha256', key: 'rsa' };
    case OID.rsaWithSha384:
      return { hash: 'sha384', key: 'rsa' };
    case OID.rsaWithSha512:
      return { hash: 'sha512', key: 'rsa' };
    case OID.ed25519:
      return { hash: null, key: 'ed25519' };
    default:
      return undefined;
  }
}
