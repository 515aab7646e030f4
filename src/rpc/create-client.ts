import { type Client, createGrpcClient, dialUnix, type GrpcClientOptions, type ServiceDefinition } from '#wire';

/** A client on a Unix socket, or over whatever `dial` opens. */
export function createClient<D extends ServiceDefinition>(
  definition: D,
  options: { readonly socketPath: string } | GrpcClientOptions,
): Client<D> {
  return createGrpcClient(definition, 'socketPath' in options ? { dial: () => dialUnix(options.socketPath) } : options);
}
