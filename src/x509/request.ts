import { createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { Fault, LIMITS } from '#kernel';
import { contextTag, DerReader, readBitBytes, readOid, readSmallInteger, TAG } from './der-reader.ts';
import { bits, boolean, der, integer, octets, oid, sequence, setOf } from './der-writer.ts';
import { readExtensions } from './extensions.ts';
import { OID, signatureScheme } from './oids.ts';
import { algorithmIdentifier, type SignatureScheme } from './profile.ts';
import { readPublicKey } from './public-key.ts';

/** A PKCS#10 request (RFC 2986) whose own signature has been verified: the sender holds the private key. */
export interface CertificateRequest {
  readonly publicKey: KeyObject;
  readonly spki: Buffer;
  /** As it was sent: read by `nameAttributes`, where it is used at all. */
  readonly subjectDer: Buffer;
  readonly uriSans: readonly string[];
  readonly dnsNames: readonly string[];
}

/** Throws `CSR_INVALID`, whatever is wrong with it. */
export function parseCertificateRequest(input: Uint8Array): CertificateRequest {
  const { request, proof } = read(input);
  try {
    if (verify(proof.hash, proof.signed, request.publicKey, proof.signature)) return request;
  } catch (cause) {
    throw unproven(cause);
  }
  throw unproven();
}

/** As `parseCertificateRequest`; the arithmetic is done off the main thread. */
export async function verifyCertificateRequest(input: Uint8Array): Promise<CertificateRequest> {
  const { request, proof } = read(input);
  return new Promise((resolve, reject) => {
    try {
      verify(proof.hash, proof.signed, request.publicKey, proof.signature, (error, holds) =>
        error === null && holds ? resolve(request) : reject(unproven(error)),
      );
    } catch (cause) {
      reject(unproven(cause));
    }
  });
}

/** What a request is signed with, and over what. */
interface Proof {
  readonly hash: string | null;
  readonly signed: Buffer;
  readonly signature: Buffer;
}

interface Unproven {
  readonly request: CertificateRequest;
  readonly proof: Proof;
}

function read(input: Uint8Array): Unproven {
  if (input.length > LIMITS.certificateBytes.value) throw requestFault('it is larger than 16 KiB');
  try {
    return readRequest(Buffer.from(input));
  } catch (error) {
    throw error instanceof Fault && error.code === 'CSR_INVALID' ? error : requestFault('it cannot be read', error);
  }
}

function readRequest(input: Buffer): Unproven {
  const outer = new DerReader(input);
  const body = outer.enter(TAG.sequence);
  outer.end();
  const info = body.read(TAG.sequence);
  const algorithm = readOid(body.enter(TAG.sequence).read(TAG.oid));
  const signature = readBitBytes(body.read(TAG.bitString));
  body.end();
  const reader = new DerReader(info.content, 2);
  if (readSmallInteger(reader.read(TAG.integer)) !== 0) throw requestFault('its version is not 1');
  const subjectDer = reader.read(TAG.sequence).encoding;
  const spki = reader.read(TAG.sequence).encoding;
  const publicKey = readPublicKey(spki);
  const scheme = signatureScheme(algorithm);
  if (scheme === undefined || scheme.key !== publicKey.asymmetricKeyType) throw unproven();
  const request = { publicKey, spki, subjectDer, ...readRequestedNames(reader) };
  return { request, proof: { hash: scheme.hash, signed: info.encoding, signature } };
}

function unproven(cause?: unknown): Fault {
  return requestFault('its signature does not verify', cause ?? undefined);
}

function readRequestedNames(reader: DerReader): { uriSans: readonly string[]; dnsNames: readonly string[] } {
  let names: { uriSans: readonly string[]; dnsNames: readonly string[] } = { uriSans: [], dnsNames: [] };
  if (reader.peek() !== contextTag(0, true)) return names;
  const attributes = reader.enter(contextTag(0, true));
  while (!attributes.done) {
    const attribute = attributes.enter(TAG.sequence);
    if (readOid(attribute.read(TAG.oid)) !== OID.extensionRequest) continue;
    const { uriSans, dnsNames } = readExtensions(attribute.enter(TAG.set).enter(TAG.sequence));
    names = { uriSans, dnsNames };
  }
  reader.end();
  return names;
}

/** A request for the key, without names: the issuer takes nothing but the key from it. P-256 keys. */
export function createCertificateRequest(privateKey: KeyObject): Buffer {
  const part = encodeRequestedPart(createPublicKey(privateKey).export({ type: 'spki', format: 'der' }));
  return encodeCertificateRequest(part, sign('sha256', part, { key: privateKey, dsaEncoding: 'der' }), 'ecdsa-sha256');
}

/** The signed part of a request (RFC 2986 §4.1) without subject, with at most one URI. */
export function encodeRequestedPart(spki: Buffer, uri?: string): Buffer {
  const attributes = uri === undefined ? [] : [requestedUri(uri)];
  return sequence(integer(Buffer.from([0])), sequence(), spki, der(contextTag(0, true), ...attributes));
}

/** Joins the signed part and its signature. */
export function encodeCertificateRequest(part: Buffer, signature: Uint8Array, scheme: SignatureScheme): Buffer {
  return sequence(part, algorithmIdentifier(scheme), bits(signature));
}

function requestedUri(uri: string): Buffer {
  const names = sequence(der(contextTag(6, false), Buffer.from(uri, 'latin1')));
  const extensions = sequence(sequence(oid(OID.subjectAltName), boolean(true), octets(names)));
  return sequence(oid(OID.extensionRequest), setOf(extensions));
}

function requestFault(rule: string, cause?: unknown): Fault {
  return new Fault(
    'CSR_INVALID',
    `not an acceptable certificate request: ${rule}`,
    cause === undefined ? {} : { cause },
  );
}
