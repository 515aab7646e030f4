import {
  type ServiceDefinition as GrpcServiceDefinition,
  type handleBidiStreamingCall,
  type handleClientStreamingCall,
  type handleServerStreamingCall,
  type handleUnaryCall,
  type Metadata,
  Server,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { Fault, isFault, LIMITS, type Log } from '#kernel';
import type { CallContext, Handlers, MethodDefinition, ServiceDefinition } from '#wire';
import { type StatusMapping, toStatus } from './status.ts';

/** A service and its handlers, ready to be added to a server for one caller. */
export interface ServiceBinding<Caller> {
  readonly fullName: string;
  addTo(server: Server, caller: Caller, log: Log): void;
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
  return {
    fullName: definition.fullName,
    addTo: (server, caller, log) => {
      const methods: Record<string, GrpcServiceDefinition[string]> = {};
      const implementation: UntypedServiceImplementation = {};
      for (const [key, method] of Object.entries(definition.methods)) {
        methods[method.name] = describe(definition.fullName, method);
        implementation[method.name] = adapt(method, admitted(handlers[key], admit), {
          caller,
          mapping,
          log: log.child({ method: `${definition.fullName}/${method.name}` }),
        });
      }
      server.addService(methods, implementation);
    },
  };
}

/** A gRPC server for one connection, with limits set before anything is read. */
export function newServer<Caller>(bindings: readonly ServiceBinding<Caller>[], caller: Caller, log: Log): Server {
  const server = new Server({
    'grpc.max_receive_message_length': LIMITS.grpcMessageBytes.value,
    'grpc.max_send_message_length': -1,
    'grpc.max_concurrent_streams': 100,
  });
  for (const binding of bindings) binding.addTo(server, caller, log);
  return server;
}

export function describe(service: string, method: MethodDefinition<unknown, unknown>): GrpcServiceDefinition[string] {
  return {
    path: `/${service}/${method.name}`,
    requestStream: method.requestStream,
    responseStream: method.responseStream,
    requestSerialize: (message: unknown) => Buffer.from(method.requestType.encode(message).finish()),
    requestDeserialize: (bytes: Buffer) => method.requestType.decode(bytes),
    responseSerialize: (message: unknown) => Buffer.from(method.responseType.encode(message).finish()),
    responseDeserialize: (bytes: Buffer) => method.responseType.decode(bytes),
  };
}

type Handler<Caller> = (input: unknown, context: CallContext<Caller>) => unknown;
type AnyHandle =
  | handleUnaryCall<unknown, unknown>
  | handleServerStreamingCall<unknown, unknown>
  | handleClientStreamingCall<unknown, unknown>
  | handleBidiStreamingCall<unknown, unknown>;

interface Served<Caller> {
  readonly caller: Caller;
  readonly mapping: StatusMapping | undefined;
  readonly log: Log;
}

function adapt<Caller>(
  method: MethodDefinition<unknown, unknown>,
  handler: unknown,
  served: Served<Caller>,
): AnyHandle {
  if (!isHandler<Caller>(handler)) throw new Fault('INTERNAL_ERROR', `no handler for ${method.name}`);
  if (method.responseStream) {
    const stream: handleBidiStreamingCall<unknown, unknown> = (call) => {
      void respond(call, method, handler, served);
    };
    return stream;
  }
  const unary: handleUnaryCall<unknown, unknown> = (call, done) => {
    const { context, end } = newContext(call, served.caller);
    Promise.resolve()
      .then(() => handler(call.request, context))
      .then(
        (answer) => done(null, answer),
        (error: unknown) => {
          logUnexpected(served.log, error);
          done(toStatus(error, served.mapping));
        },
      )
      .finally(end);
  };
  return unary;
}

interface StreamCall {
  iterator(options: { readonly destroyOnReturn: boolean }): AsyncIterable<unknown>;
  readonly metadata: Metadata;
  readonly cancelled: boolean;
  readonly request?: unknown;
  write(message: unknown): boolean;
  end(): void;
  once(event: string, listener: () => void): unknown;
  emit(event: string, error: unknown): boolean;
}

async function respond<Caller>(
  call: StreamCall,
  method: MethodDefinition<unknown, unknown>,
  handler: Handler<Caller>,
  served: Served<Caller>,
): Promise<void> {
  const { context, end } = newContext(call, served.caller);
  try {
    const answers = handler(method.requestStream ? requestsOf(call) : call.request, context);
    if (!isAsyncIterable(answers)) throw new Fault('INTERNAL_ERROR', 'a stream was expected of the handler');
    for await (const answer of answers) {
      if (context.signal.aborted) break;
      if (!call.write(answer)) await drained(call, context.signal);
    }
    call.end();
  } catch (error) {
    if (!context.signal.aborted) {
      logUnexpected(served.log, error);
      call.emit('error', toStatus(error, served.mapping));
    }
  } finally {
    end();
  }
}

/** A handler that leaves the requests early must not destroy the call: its status is still to be sent. */
function requestsOf(call: StreamCall): AsyncIterable<unknown> {
  return call.iterator({ destroyOnReturn: false });
}

/** Backpressure: waits until the peer has read, or has gone. */
function drained(call: StreamCall, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      signal.removeEventListener('abort', done);
      resolve();
    };
    call.once('drain', done);
    if (signal.aborted) done();
    else signal.addEventListener('abort', done, { once: true });
  });
}

interface Cancellable {
  readonly metadata: Metadata;
  readonly cancelled: boolean;
  once(event: string, listener: () => void): unknown;
}

function newContext<Caller>(call: Cancellable, caller: Caller): { context: CallContext<Caller>; end: () => void } {
  const controller = new AbortController();
  if (call.cancelled) controller.abort();
  call.once('cancelled', () => controller.abort());
  const all = (key: string): string[] => call.metadata.get(key).map(String);
  return {
    context: { caller, signal: controller.signal, metadata: { get: (key) => all(key)[0], all } },
    end: () => controller.abort(),
  };
}

function logUnexpected(log: Log, error: unknown): void {
  if (!isFault(error) || error.code === 'INTERNAL_ERROR') log.error('call failed unexpectedly', { error });
}

function admitted<Caller>(handler: unknown, admit: (context: CallContext<Caller>) => void): unknown {
  if (!isHandler<Caller>(handler)) return undefined;
  return (input: unknown, context: CallContext<Caller>) => {
    admit(context);
    return handler(input, context);
  };
}

function isHandler<Caller>(value: unknown): value is Handler<Caller> {
  return typeof value === 'function';
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}
