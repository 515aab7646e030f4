import { Fault, isFault, type Log } from '#kernel';
import type { CallContext, Handlers, ServiceDefinition } from '#wire';
import type { BoundMethod } from './bound-method.ts';
import { type StatusMapping, toStatus } from './status.ts';

/** A service and its handlers, for any caller. */
export interface ServiceBinding<Caller> {
  readonly fullName: string;
  bind(log: Log): readonly BoundMethod<Caller>[];
}

export interface BindOptions {
  /** For protocols whose statuses are given. */
  readonly mapping?: StatusMapping;
}

/** `admit` looks at every call of the service before its handler does, and throws to refuse it. */
export function bindService<D extends ServiceDefinition, Caller>(
  definition: D,
  handlers: Handlers<D, Caller>,
  admit: (context: CallContext<Caller>) => void = () => {},
  { mapping }: BindOptions = {},
): ServiceBinding<Caller> {
  const { fullName, methods } = definition;
  return {
    fullName,
    bind: (log) =>
      Object.entries(methods).map(([key, method]): BoundMethod<Caller> => {
        const handler: unknown = handlers[key];
        if (!isHandler<Caller>(handler)) throw new Fault('INTERNAL_ERROR', `no handler for ${method.name}`);
        const path = `/${fullName}/${method.name}`;
        return {
          path,
          definition: method,
          handle: (input, context) => {
            admit(context);
            return handler(input, context);
          },
          refuse: (error) => {
            if (!isFault(error) || error.code === 'INTERNAL_ERROR')
              log.error('call failed unexpectedly', { method: path, error });
            return toStatus(error, mapping);
          },
        };
      }),
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
