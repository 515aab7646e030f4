import type { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire';
import type { Closeable } from '#kernel';

/** A message type of the generated code. */
export interface MessageType<T> {
  encode(message: T, writer?: BinaryWriter): BinaryWriter;
  decode(input: BinaryReader | Uint8Array, length?: number): T;
}

export interface MethodDefinition<Request, Response> {
  readonly name: string;
  readonly requestType: MessageType<Request>;
  readonly requestStream: boolean;
  readonly responseType: MessageType<Response>;
  readonly responseStream: boolean;
}

/** A service definition of the generated code (`ts-proto`, generic definitions). */
export interface ServiceDefinition {
  readonly fullName: string;
  // The messages of each method are recovered by inference in `Handlers` and `Client`; here they are only known to be of one kind.
  // biome-ignore lint/suspicious/noExplicitAny: variance: a definition of concrete messages must be assignable
  readonly methods: Readonly<Record<string, MethodDefinition<any, any>>>;
}

type RequestOf<M> = M extends { readonly requestType: MessageType<infer T> } ? T : never;
type ResponseOf<M> = M extends { readonly responseType: MessageType<infer T> } ? T : never;
type Input<M> = M extends { readonly requestStream: true } ? AsyncIterable<RequestOf<M>> : RequestOf<M>;
type Output<M> = M extends { readonly responseStream: true } ? AsyncIterable<ResponseOf<M>> : Promise<ResponseOf<M>>;

/** One function a method: `(input, context) => output`; streams are async iterables. */
export type Handlers<D extends ServiceDefinition, Caller> = {
  readonly [K in keyof D['methods']]: (
    input: Input<D['methods'][K]>,
    context: CallContext<Caller>,
  ) => Output<D['methods'][K]>;
};

export interface CallContext<Caller> {
  readonly caller: Caller;
  /** Aborted when the call ends for any reason. */
  readonly signal: AbortSignal;
  /** First value of a metadata key, or undefined; `all` gives every value. */
  readonly metadata: { get(key: string): string | undefined; all(key: string): readonly string[] };
}

export type Client<D extends ServiceDefinition> = {
  readonly [K in keyof D['methods']]: (input: Input<D['methods'][K]>, signal?: AbortSignal) => Output<D['methods'][K]>;
} & Closeable;
