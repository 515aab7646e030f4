import { Fault } from '#kernel';

/** Why a policy cannot be taken, as the details of its fault say it. */
export interface PolicyProblem {
  /** `spec.rules[0].from[1].source.ipBlocks`. */
  readonly path: string;
  readonly expected: string;
  readonly found: string;
  /** Words that are known at this place, and the one that was found instead. */
  readonly known?: readonly string[];
  readonly word?: string;
}

/** `CONFIG_INVALID` for the place that `within` adds; `expected` says what would be taken. */
export function refused(found: string, expected = 'a policy that can be enforced whole'): Fault {
  return new Fault('CONFIG_INVALID', `the AuthorizationPolicy has ${found}`, {
    details: { path: '', expected, found },
  });
}

export function refuse(found: string, expected: string): never {
  throw refused(found, expected);
}

/** A word that is not known where only `known` are. */
export function unknownWord(word: string, known: readonly string[], path = `.${word}`): Fault {
  const found = `"${word.slice(0, 80)}", which is not evaluated here`;
  return new Fault('CONFIG_INVALID', `the AuthorizationPolicy has ${found}`, {
    details: { path, expected: `one of ${known.join(', ')}`, found, known, word },
  });
}

/** Runs `make` and puts `part` before the place of the fault that it throws. */
export function within<T>(part: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    const { path = '', ...details } = error.details;
    const { message, code, cause } = error;
    throw new Fault(code, message, { cause, details: { ...details, path: `${part}${String(path)}` } });
  }
}

/** What a thrown value says about the policy; an error that is no refusal is thrown on. */
export function problemOf(error: unknown): PolicyProblem {
  if (!(error instanceof Fault)) throw error;
  const { path, expected, found, known, word } = error.details;
  return {
    path: typeof path === 'string' ? path : '',
    expected: typeof expected === 'string' ? expected : 'a policy that can be enforced whole',
    found: typeof found === 'string' ? found : error.message,
    ...(Array.isArray(known) && typeof word === 'string' ? { known: known.map(String), word } : {}),
  };
}
