import type { CallContext, MethodDefinition } from '#wire';
import type { Refusal } from './status.ts';

/** One method, ready to be called for any caller. */
export interface BoundMethod<Caller> {
  /** `/package.Service/Method`. */
  readonly path: string;
  readonly definition: MethodDefinition<unknown, unknown>;
  /** Of one message of the request. */
  readonly requestBytes: number;
  /** The call ends by then, whatever its caller asked for; undefined lets it stay open. */
  readonly callMillis: number | undefined;
  /** A promise of the answer, or an async iterable of answers. */
  readonly handle: (input: unknown, context: CallContext<Caller>) => unknown;
  /** Told of an answer that most clients will not read. */
  readonly large?: (bytes: number) => void;
  /** What the caller is told of a thrown value; what was unexpected is logged. */
  readonly refuse: (error: unknown) => Refusal;
}
