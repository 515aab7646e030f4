const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };
const DURATION = /^([1-9][0-9]{0,6})(s|m|h|d)$/;

export function isDuration(text: string): boolean {
  return DURATION.test(text);
}

/** Seconds of a duration such as `30s`, `15m`, `8h` or `7d`; undefined when `text` is not one. */
export function findDurationSeconds(text: string): number | undefined {
  const match = DURATION.exec(text);
  const unit = UNITS[match?.[2] ?? ''];
  return match === null || unit === undefined ? undefined : Number(match[1]) * unit;
}
