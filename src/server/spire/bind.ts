import { Fault, type LogThreshold } from '#kernel';
import { type BindOptions, bindService, type ServiceBinding } from '#rpc';
import type { CallContext, Handlers, ServiceDefinition } from '#wire';
import type { State } from '../state.ts';
import { accessOf } from './access.ts';
import { type Authorized, authorize } from './authorize.ts';
import type { SpireCaller } from './caller.ts';
import type { RateLimiter } from './rate-limiter.ts';
import { spireStatus } from './status.ts';

/** What a handler knows of its caller. */
export interface Admitted extends Authorized {
  /** Takes items of a batch from the method's rate limit. Throws `RATE_LIMITED`. */
  take(count: number): Promise<void>;
}

/** What the services of all trust domains share. */
export interface Gate {
  readonly state: State;
  readonly limiter: RateLimiter;
  readonly logLevel: LogThreshold;
  /** Monotonic milliseconds. */
  readonly startedAt: number;
  /** Fetches the bundle of a federated trust domain now. */
  readonly refreshBundle: (trustDomain: string, federated: string) => Promise<void>;
}

/** Binds a service of SPIRE's so that every call passes the table of access and the rate limits before its handler runs. */
export function bindSpire<D extends ServiceDefinition>(
  gate: Gate,
  definition: D,
  handlers: Handlers<D, Admitted>,
  limits: Pick<BindOptions<keyof D['methods'] & string>, 'limits' | 'methodLimits'> = {},
): ServiceBinding<SpireCaller> {
  const guarded: Record<string, unknown> = {};
  for (const [key, method] of Object.entries(definition.methods)) {
    const handler: unknown = handlers[key];
    if (!isHandler(handler)) throw new Fault('INTERNAL_ERROR', `no handler for ${method.name}`);
    const admitted = (context: Context) => admit(gate, definition.fullName, method.name, context);
    guarded[key] = method.responseStream
      ? (input: unknown, context: Context) => guardStream(handler, input, context, admitted)
      : async (input: unknown, context: Context) => handler(input, { ...context, caller: await admitted(context) });
  }
  // Each method is wrapped under its own name, with its own input and output.
  return bindService<D, SpireCaller>(definition, guarded as unknown as Handlers<D, SpireCaller>, () => {}, {
    mapping: spireStatus,
    ...limits,
  });
}

type Context = CallContext<SpireCaller>;
type Handler = (input: unknown, context: CallContext<Admitted>) => unknown;

async function* guardStream(
  handler: Handler,
  input: unknown,
  context: Context,
  admitted: (context: Context) => Promise<Admitted>,
): AsyncGenerator<unknown> {
  const answers = handler(input, { ...context, caller: await admitted(context) });
  yield* answers as AsyncIterable<unknown>;
}

async function admit({ state, limiter }: Gate, service: string, method: string, context: Context): Promise<Admitted> {
  const authorized = await authorize(state, context.caller, service, method);
  const { limit, cost } = accessOf(service, method) ?? {};
  const take = async (count: number): Promise<void> => {
    if (limit !== undefined && authorized.address !== undefined)
      await limiter.take(limit, authorized.address, count, context.signal);
  };
  if (cost === 'call') await take(1);
  return { ...authorized, take };
}

function isHandler(value: unknown): value is Handler {
  return typeof value === 'function';
}
