import { join } from 'node:path';
import { type Client, createGrpcClient, dialUnix } from '#wire';
import { FederationsDefinition } from '#wire/gen/hauberk_federations';
import { findRunDirectory, type TargetOptions } from '../target.ts';

/** Talks to the server's admin socket for the time of `use`. */
export async function withFederations<T>(
  options: TargetOptions,
  use: (federations: Client<typeof FederationsDefinition>) => Promise<T>,
): Promise<T> {
  const socket = options.socket ?? join(findRunDirectory(options), 'server', 'admin.sock');
  const client = createGrpcClient(FederationsDefinition, { dial: () => dialUnix(socket) });
  try {
    return await use(client);
  } finally {
    await client.close();
  }
}
