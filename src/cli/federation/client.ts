import type { Client } from '#wire';
import { FederationsDefinition } from '#wire/gen/hauberk_federations';
import { type TargetOptions, withServer } from '../target.ts';

/** Talks to the server's admin socket for the time of `use`. */
export function withFederations<T>(
  options: TargetOptions,
  use: (federations: Client<typeof FederationsDefinition>) => Promise<T>,
): Promise<T> {
  return withServer(FederationsDefinition, options, use);
}
