import { Fault, isFault, LIMITS, type Log } from '#kernel';
import type { CallContext, Handlers, ServiceDefinition } from '#wire';
import type { BoundMethod } from './bound-method.ts';
import { type StatusMapping, toStatus } from './status.ts';

/** A service and its handlers, for any caller. */
export interface ServiceBinding<Caller> {
  readonly fullName: string;
  bind(log: Log): readonly BoundMethod<Caller>[];
}

export interface BindOptions<Key extends string = string> {
  /** For protocols whose statuses are given. */
  readonly mapping?: StatusMapping;
  /** Of the service's methods; those of one of them go before. */
  readonly limits?: MethodLimits;
  readonly methodLimits?: { readonly [K in Key]?: MethodLimits };
}

/** Bounds of one method's calls. */
export interface MethodLimits {
  /** Of one message of the request: `LIMITS.grpcMessageBytes` unless said otherwise. */
  readonly requestBytes?: number;
  /** The longest that a call may take. */
  readonly callSeconds?: number;
}

/** Of requests that bring nothing but a question. */
export const QUESTION: MethodLimits = { requestBytes: LIMITS.questionBytes.value };

/** `admit` looks at every call of the service before its handler does, and throws to refuse it. */
export function bindService<D extends ServiceDefinition, Caller>(
  definition: D,
  handlers: Handlers<D, Caller>,
  admit: (context: CallContext<Caller>) => void = () => {},
  { mapping, limits, methodLimits = {} }: BindOptions<keyof D['methods'] & string> = {},
): ServiceBinding<Caller> {
  const { fullName, methods } = definition;
  return {
    fullName,
    bind: (log) =>
      Object.entries(methods).map(([key, method]): BoundMethod<Caller> => {
        const handler: unknown = handlers[key];
        if (!isHandler<Caller>(handler)) throw new Fault('INTERNAL_ERROR', `no handler for ${method.name}`);
        const path = `/${fullName}/${method.name}`;
        const { requestBytes, callSeconds }: MethodLimits = { ...limits, ...Object(methodLimits)[key] };
        return {
          path,
          definition: method,
          requestBytes: requestBytes ?? LIMITS.grpcMessageBytes.value,
          callMillis: callSeconds === undefined ? undefined : callSeconds * 1000,
          handle: (input, context) => {
            admit(context);
            return handler(input, context);
          },
          large: rarely((count, bytes) =>
            log.warn('an answer is larger than most clients read', { method: path, bytes, count }),
          ),
          refuse: (error) => {
            if (!isFault(error) || error.code === 'INTERNAL_ERROR')
              log.error('call failed unexpectedly', { method: path, error });
            return toStatus(error, mapping);
          },
        };
      }),
  };
}

/** Says what happens at the first time and then at every doubling. */
function rarely(say: (count: number, bytes: number) => void): (bytes: number) => void {
  let count = 0;
  let next = 1;
  return (bytes) => {
    count++;
    if (count < next) return;
    next *= 2;
    say(count, bytes);
  };
}

/** The methods of several services, by path. */
export function methodsOf<Caller>(
  services: readonly ServiceBinding<Caller>[],
  log: Log,
): ReadonlyMap<string, BoundMethod<Caller>> {
  return new Map(services.flatMap((service) => service.bind(log)).map((method) => [method.path, method]));
}

type Handler<Caller> = (input: unknown, context: CallContext<Caller>) => unknown;

function isHandler<Caller>(value: unknown): value is Handler<Caller> {
  return typeof value === 'function';
}
