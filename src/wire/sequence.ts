const HIGHEST = 2n ** 64n - 1n;

/**
 * `spiffe_sequence` as a resource's JSON holds it: a number as long as a double is exact, its decimal digits beyond (Trust Domain and Bundle
 * §4.1: 64 bits). Resources of older versions hold the nearest double there.
 */
export type SequenceText = number | string;

export function isSequenceText(value: unknown): value is SequenceText {
  if (typeof value === 'number') return value >= 0;
  return typeof value === 'string' && /^[1-9]\d{15,19}$/.test(value) && BigInt(value) <= HIGHEST;
}

export function writeSequence(sequence: bigint): SequenceText {
  return sequence <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(sequence) : `${sequence}`;
}

export function readSequence(text: SequenceText): bigint {
  const sequence = BigInt(text);
  return sequence > HIGHEST ? HIGHEST : sequence;
}

/** Whether `one` came before `other`. Where a double that lost its last digits is compared, nothing is known of these digits. */
export function isOlderSequence(one: SequenceText, other: SequenceText): boolean {
  if (isRounded(one) || isRounded(other)) return Number(one) < Number(other);
  return readSequence(one) < readSequence(other);
}

function isRounded(text: SequenceText): boolean {
  return typeof text === 'number' && text > Number.MAX_SAFE_INTEGER;
}
