const UNIT_MILLIS: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1000,
  m: 1,
  u: 0.001,
  n: 0.000_001,
};
/** Node's timers hold no more. */
const MAX_MILLIS = 2 ** 31 - 1;

/** `grpc-timeout` (gRPC over HTTP/2, Timeout) in milliseconds; undefined when there is none or it is malformed, and so no deadline. */
export function parseGrpcTimeout(text: string | undefined): number | undefined {
  const [, amount, unit] = /^(\d{1,8})([HMSmun])$/.exec(text ?? '') ?? [];
  const factor = UNIT_MILLIS[unit ?? ''];
  return amount === undefined || factor === undefined ? undefined : Math.min(Number(amount) * factor, MAX_MILLIS);
}
