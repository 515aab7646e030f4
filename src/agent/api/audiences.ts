import { Fault, LIMITS } from '#kernel';

/** Audiences that a caller asked for. Throws `ARGUMENT_INVALID`, `LIMIT_EXCEEDED`. */
export function parseAudiences(audience: readonly string[]): readonly string[] {
  if (audience.length === 0 || audience.includes('')) throw new Fault('ARGUMENT_INVALID', 'audience must be specified');
  if (audience.length > LIMITS.audiences.value) throw new Fault('LIMIT_EXCEEDED', 'too many audiences');
  if (audience.some((one) => Buffer.byteLength(one) > LIMITS.audienceBytes.value))
    throw new Fault('LIMIT_EXCEEDED', 'an audience is too long');
  return audience;
}
