import type { ServiceDefinition } from '#wire';
import { AgentDefinition } from '#wire/gen/spire/api/server/agent';
import { BundleDefinition } from '#wire/gen/spire/api/server/bundle';
import { DebugDefinition } from '#wire/gen/spire/api/server/debug';
import { EntryDefinition } from '#wire/gen/spire/api/server/entry';
import { LocalAuthorityDefinition } from '#wire/gen/spire/api/server/localauthority';
import { LoggerDefinition } from '#wire/gen/spire/api/server/logger';
import { SVIDDefinition } from '#wire/gen/spire/api/server/svid';
import { TrustDomainDefinition } from '#wire/gen/spire/api/server/trustdomain';

/** SPIRE's server API, as a trust domain's sockets serve it. */
export const SPIRE_SERVICES: readonly ServiceDefinition[] = [
  AgentDefinition,
  BundleDefinition,
  DebugDefinition,
  EntryDefinition,
  LocalAuthorityDefinition,
  LoggerDefinition,
  SVIDDefinition,
  TrustDomainDefinition,
];
