import { Fault } from '#kernel';
import { parseEndpointAddress } from '#spiffe';

/** What a workload is told by its environment. The only file of the SDK that reads it. */
export interface Environment {
  /** Path of the agent's socket. */
  readonly socketPath: string;
  /** `<namespace>/<name>` of the service that this process is. */
  readonly service: string | undefined;
  /** Where it listens. */
  readonly listen: { readonly host: string; readonly port: number } | undefined;
}

/** HAUBERK_SOCKET is a path; SPIFFE_ENDPOINT_SOCKET a URI (SPIFFE Workload Endpoint §4). Throws `CONFIG_INVALID`. */
export function readEnvironment(): Environment {
  const { HAUBERK_SOCKET, SPIFFE_ENDPOINT_SOCKET, HAUBERK_SERVICE, HAUBERK_LISTEN } = process.env;
  const socketPath =
    HAUBERK_SOCKET ?? (SPIFFE_ENDPOINT_SOCKET === undefined ? undefined : parseEndpoint(SPIFFE_ENDPOINT_SOCKET));
  if (socketPath === undefined)
    throw new Fault('CONFIG_INVALID', 'neither HAUBERK_SOCKET nor SPIFFE_ENDPOINT_SOCKET says where the agent is');
  return {
    socketPath,
    service: HAUBERK_SERVICE,
    listen: HAUBERK_LISTEN === undefined ? undefined : parseListen(HAUBERK_LISTEN),
  };
}

/** The path of a Workload API's Unix socket. Throws `CONFIG_INVALID` for what is no address, and for one of TCP, which is not dialled here. */
export function parseEndpoint(uri: string): string {
  try {
    const address = parseEndpointAddress(uri);
    if (address.kind === 'unix') return address.path;
  } catch (cause) {
    throw noSocket(cause);
  }
  throw noSocket();
}

function noSocket(cause?: unknown): Fault {
  const message = 'SPIFFE_ENDPOINT_SOCKET has the form unix:///absolute/path';
  return new Fault('CONFIG_INVALID', message, cause === undefined ? {} : { cause });
}

function parseListen(text: string): { host: string; port: number } {
  const match = /^(.+):(\d{1,5})$/.exec(text);
  if (match?.[1] === undefined || Number(match[2]) > 65535)
    throw new Fault('CONFIG_INVALID', 'HAUBERK_LISTEN has the form host:port');
  return { host: match[1], port: Number(match[2]) };
}
