import { Fault, LIMITS } from '#kernel';
import { nameAttributes, OID } from '#x509';

/** What SPIRE takes over of a requested subject, in the order in which it writes it. Another kind, such as an address, might mean an identity. */
const TAKEN: readonly string[] = [
  OID.country,
  OID.organization,
  OID.organizationalUnit,
  OID.locality,
  OID.province,
  OID.street,
  OID.postalCode,
  OID.commonName,
  OID.serialNumber,
];

/** The subject that an operator's request asks for; nothing where it asks for none that is taken over. Throws `ARGUMENT_INVALID`. */
export function requestedSubject(subjectDer: Buffer): { readonly subject?: readonly (readonly [string, string])[] } {
  const subject = read(subjectDer)
    .filter(([type, text]) => TAKEN.includes(type) && text !== '')
    .sort(([a], [b]) => TAKEN.indexOf(a) - TAKEN.indexOf(b));
  if (subject.length > LIMITS.subjectAttributes.value) throw invalid('it has too many parts');
  for (const [, text] of subject) {
    if (Buffer.byteLength(text) > LIMITS.subjectTextBytes.value) throw invalid('a part of it is too long');
    if (/\p{Cc}/u.test(text)) throw invalid('a part of it has control characters');
  }
  return subject.length === 0 ? {} : { subject };
}

function read(subjectDer: Buffer): readonly (readonly [string, string])[] {
  try {
    return nameAttributes(subjectDer);
  } catch (cause) {
    throw invalid('it cannot be read', cause);
  }
}

function invalid(rule: string, cause?: unknown): Fault {
  return new Fault('ARGUMENT_INVALID', `the subject of the CSR is not acceptable: ${rule}`, { cause });
}
