import { createHash, type KeyObject, verify } from 'node:crypto';
import { malformed, refused } from '#attestation';
import { type BerValue, octetsOf, readBer } from './ber.ts';

const OID = {
  data: '2a864886f70d010701',
  signedData: '2a864886f70d010702',
  contentType: '2a864886f70d010903',
  messageDigest: '2a864886f70d010904',
  sha256: '608648016503040201',
  rsa: '2a864886f70d010101',
  rsaWithSha256: '2a864886f70d01010b',
} as const;

const SEQUENCE = 0x30;
const SET = 0x31;

/** A CMS SignedData (RFC 5652) with its content inside, as AWS signs identity documents. */
export interface SignedMessage {
  /** What was signed, once `isSignedBy` has said so. */
  readonly content: Buffer;
  isSignedBy(key: KeyObject): boolean;
}

/** Reads the one content and the one signer; RSA with SHA-256, nothing else. Throws `ARGUMENT_INVALID`, `ATTESTATION_FAILED`. */
export function readSignedMessage(bytes: Buffer): SignedMessage {
  const [type, wrapped] = fields(readBer(bytes), SEQUENCE);
  assertOid(type, OID.signedData);
  const signedData = fields(only(wrapped, 0xa0), SEQUENCE);
  const [contentType, contentWrapped] = fields(signedData[2], SEQUENCE);
  assertOid(contentType, OID.data);
  const content = octetsOf(only(contentWrapped, 0xa0));
  const signer = readSigner(signedData.at(-1));
  return {
    content,
    isSignedBy: (key) => key.asymmetricKeyType === 'rsa' && matches(content, signer) && signs(key, content, signer),
  };
}

interface Signer {
  readonly attributes: BerValue | undefined;
  readonly signature: Buffer;
}

function readSigner(set: BerValue | undefined): Signer {
  const [, , digest, ...rest] = fields(only(set, SET), SEQUENCE);
  assertOid(fields(digest, SEQUENCE)[0], OID.sha256);
  const attributes = rest[0]?.tag === 0xa0 ? rest[0] : undefined;
  const [algorithm, signature] = attributes === undefined ? rest : rest.slice(1);
  const name = fields(algorithm, SEQUENCE)[0]?.content.toString('hex');
  if (name !== OID.rsa && name !== OID.rsaWithSha256) throw refused('it is signed in a way that is not accepted');
  if (signature === undefined) throw malformed('the signed message has no signature');
  return { attributes, signature: octetsOf(signature) };
}

/** RFC 5652 §5.3: signed attributes name the type of the content, and its digest. */
function matches(content: Buffer, { attributes }: Signer): boolean {
  if (attributes === undefined) return true;
  const type = attribute(attributes, OID.contentType);
  const digest = attribute(attributes, OID.messageDigest);
  const actual = createHash('sha256').update(content).digest();
  return type.content.toString('hex') === OID.data && octetsOf(digest).equals(actual);
}

function signs(key: KeyObject, content: Buffer, { attributes, signature }: Signer): boolean {
  return verify('sha256', attributes === undefined ? content : signedForm(attributes), key, signature);
}

/** RFC 5652 §5.4: what is signed is the DER encoding of the attributes as a SET, not with the tag that they are sent with. */
function signedForm({ encoding }: BerValue): Buffer {
  if (encoding[1] === 0x80) throw malformed('its signed attributes are not DER');
  return Buffer.concat([Buffer.from([SET]), encoding.subarray(1)]);
}

/** The one value of the one attribute of a type. */
function attribute(attributes: BerValue, type: string): BerValue {
  const found = attributes.children.filter((one) => fields(one, SEQUENCE)[0]?.content.toString('hex') === type);
  const [values, more] = found;
  if (values === undefined || more !== undefined) throw malformed('its signed attributes are not those of a message');
  return only(fields(values, SEQUENCE)[1], SET);
}

function fields(value: BerValue | undefined, tag: number): readonly BerValue[] {
  if (value?.tag !== tag) throw malformed('the signed message has another form than expected');
  return value.children;
}

function only(value: BerValue | undefined, tag: number): BerValue {
  const [child, more] = fields(value, tag);
  if (child === undefined || more !== undefined) throw malformed('the signed message has another form than expected');
  return child;
}

function assertOid(value: BerValue | undefined, oid: string): void {
  if (value?.tag !== 0x06 || value.content.toString('hex') !== oid)
    throw malformed('the signed message is of another type than expected');
}
