import { isReasonCode } from '#chain';
import { Fault, isFault } from '#kernel';

/**
 * An error of PostgreSQL as fault. The gate's own errors say `CODE: sentence` and, in the detail, `id <receipt id>`; every other error is the
 * service's affair and stays inside.
 */
export function databaseFault(error: unknown): Fault {
  if (isFault(error)) return error;
  const { message, detail }: { readonly message?: unknown; readonly detail?: unknown } = Object(error);
  const [, code, sentence] =
    /^(?:ERROR:\s*)?([A-Z]+(?:_[A-Z]+)+): (.*)$/s.exec(typeof message === 'string' ? message : '') ?? [];
  if (code === undefined || !isReasonCode(code))
    return new Fault('INTERNAL_ERROR', 'the database refused a statement', { cause: error });
  const id = /\bid ([0-9a-f]{32})\b/.exec(typeof detail === 'string' ? detail : '')?.[1];
  return new Fault(code, sentence ?? '', { cause: error, details: id === undefined ? {} : { id } });
}
