/**
 * The one error class of Hauberk.
 *
 * A fault has a stable `code` from the registry in `#chain` (`LINK_WHAT_HAPPENED`). Its `message` is written for the caller: lower
 * case, no secret, no echo of the caller's input. The original error is kept in `cause` for the log.
 */
export class Fault extends Error {
  readonly code: string;
  /** Extra facts that the caller may see: what it sent itself, limits, expected values. Never secrets. */
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: string, message: string, options: FaultOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'Fault';
    this.code = code;
    this.details = options.details ?? {};
  }

  override toString(): string {
    return `${this.code}: ${this.message}`;
  }
}

export interface FaultOptions {
  readonly cause?: unknown;
  readonly details?: Readonly<Record<string, unknown>>;
}

export function isFault(value: unknown): value is Fault {
  return value instanceof Fault;
}

/** The fault's code, or undefined when `error` is not a fault. */
export function faultCode(error: unknown): string | undefined {
  return error instanceof Fault ? error.code : undefined;
}

/**
 * Turns anything thrown into a fault: faults pass, a full disk is `DISK_FULL`, everything else becomes `INTERNAL_ERROR`, with the original as cause.
 */
export function toFault(error: unknown): Fault {
  if (error instanceof Fault) return error;
  if (isDiskFull(error)) return new Fault('DISK_FULL', 'the disk is full', { cause: error });
  return new Fault('INTERNAL_ERROR', 'internal error', { cause: error });
}

/** SQLite's result code (https://sqlite.org/rescode.html#full). */
const SQLITE_FULL = 13;

function isDiskFull(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if ('errcode' in error && error.errcode === SQLITE_FULL) return true;
  return 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT');
}
