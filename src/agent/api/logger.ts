import type { LogThreshold } from '#kernel';
import { bindService, loggerHandlers, type PeerCredentials, QUESTION, type ServiceBinding } from '#rpc';
import { LoggerDefinition } from '#wire/gen/spire/api/agent/logger';

/** `spire.api.agent.logger.v1.Logger` on the admin socket. */
export function loggerService(threshold: LogThreshold): ServiceBinding<PeerCredentials> {
  return bindService<typeof LoggerDefinition, PeerCredentials>(LoggerDefinition, loggerHandlers(threshold), undefined, {
    limits: QUESTION,
  });
}
