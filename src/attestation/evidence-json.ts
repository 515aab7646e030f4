import { Fault, isFault, isJsonObject, type JsonObject, type JsonValue, LIMITS, readJson } from '#kernel';

/** Evidence that is a JSON object. Throws `ARGUMENT_INVALID`. */
export function readEvidence(bytes: Buffer): JsonObject {
  if (bytes.length > LIMITS.nodeEvidenceBytes.value) throw malformed('it is larger than the limit');
  const value = parse(bytes);
  if (!isJsonObject(value)) throw malformed('it is no JSON object');
  return value;
}

/** A field that is a text and not empty. */
export function textField(object: JsonObject, name: string): string {
  const value = object[name];
  if (typeof value !== 'string' || value === '') throw malformed(`${name} is missing or no text`);
  return value;
}

/** Standard base64, as Go writes bytes. */
export function bytesOf(value: unknown, what: string): Buffer {
  const bytes = typeof value === 'string' ? Buffer.from(value, 'base64') : undefined;
  if (bytes === undefined || bytes.length === 0 || bytes.toString('base64') !== value)
    throw malformed(`${what} is missing or not base64`);
  return bytes;
}

export function malformed(rule: string, cause?: unknown): Fault {
  return new Fault('ARGUMENT_INVALID', `the evidence cannot be read: ${rule}`, cause === undefined ? {} : { cause });
}

export function refused(rule: string, cause?: unknown): Fault {
  return new Fault('ATTESTATION_FAILED', `the evidence does not hold: ${rule}`, cause === undefined ? {} : { cause });
}

function parse(bytes: Buffer): JsonValue {
  try {
    return readJson(bytes);
  } catch (cause) {
    if (!isFault(cause)) throw cause;
    throw malformed('it is no JSON', cause);
  }
}
