import {
  assertDer,
  contextTag,
  type DerReader,
  type DerValue,
  derFault,
  readOid,
  readSmallInteger,
  TAG,
} from './der-reader.ts';

/** RFC 5280 §4.2.1.4, §4.2.1.5, §4.2.1.11 and §4.2.1.14. */
export interface CertificatePolicies {
  /** Undefined where the extension is absent. */
  readonly asserted?: readonly string[];
  readonly mappings?: readonly (readonly [issuerDomain: string, subjectDomain: string])[];
  readonly requireExplicit?: number;
  readonly inhibitMapping?: number;
  readonly inhibitAny?: number;
}

/** RFC 5280 §4.2.1.4: at least one, none twice. Qualifiers are not read: they say nothing about validity. */
export function readPolicies(reader: DerReader): readonly string[] {
  const policies = new Set<string>();
  while (!reader.done) {
    const information = reader.enter(TAG.sequence);
    const policy = readOid(information.read(TAG.oid));
    while (!information.done) assertDer(information.read(TAG.sequence), 6);
    if (policies.has(policy)) throw derFault('a policy occurs twice');
    policies.add(policy);
  }
  if (policies.size === 0) throw derFault('certificate policies name at least one');
  return [...policies];
}

/** RFC 5280 §4.2.1.5. */
export function readPolicyMappings(reader: DerReader): readonly (readonly [string, string])[] {
  const mappings: (readonly [string, string])[] = [];
  while (!reader.done) {
    const mapping = reader.enter(TAG.sequence);
    mappings.push([readOid(mapping.read(TAG.oid)), readOid(mapping.read(TAG.oid))]);
    mapping.end();
  }
  if (mappings.length === 0) throw derFault('policy mappings have at least one');
  return mappings;
}

/** RFC 5280 §4.2.1.11: at least one of the two. */
export function readPolicyConstraints(
  reader: DerReader,
): Pick<CertificatePolicies, 'requireExplicit' | 'inhibitMapping'> {
  const explicit = reader.optional(contextTag(0, false));
  const mapping = reader.optional(contextTag(1, false));
  reader.end();
  if (explicit === undefined && mapping === undefined) throw derFault('policy constraints are empty');
  return {
    ...(explicit === undefined ? {} : { requireExplicit: skipCerts(explicit) }),
    ...(mapping === undefined ? {} : { inhibitMapping: skipCerts(mapping) }),
  };
}

function skipCerts({ content, encoding }: DerValue): number {
  return readSmallInteger({ tag: TAG.integer, content, encoding });
}
