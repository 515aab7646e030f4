// What stock programs sent and what they were answered: raw requests, and answers without keys and signatures.
import type { MethodDefinition, ServiceDefinition } from '#wire';
import { HealthDefinition } from '#wire/gen/health';
import { AgentDefinition } from '#wire/gen/spire/api/server/agent';
import { BundleDefinition } from '#wire/gen/spire/api/server/bundle';
import { DebugDefinition } from '#wire/gen/spire/api/server/debug';
import { EntryDefinition } from '#wire/gen/spire/api/server/entry';
import { LocalAuthorityDefinition } from '#wire/gen/spire/api/server/localauthority';
import { LoggerDefinition } from '#wire/gen/spire/api/server/logger';
import { SVIDDefinition } from '#wire/gen/spire/api/server/svid';
import { TrustDomainDefinition } from '#wire/gen/spire/api/server/trustdomain';

/** One call: its messages in base64, in the order that they came. */
export interface Recorded {
  readonly method: string;
  readonly requests: readonly string[];
  readonly code: number;
  readonly answers: readonly unknown[];
  /** Of a command whose answer may differ: sent, and not compared. */
  readonly differs?: true;
}

const DEFINITIONS: readonly ServiceDefinition[] = [
  ...[AgentDefinition, BundleDefinition, DebugDefinition, EntryDefinition, HealthDefinition],
  ...[LocalAuthorityDefinition, LoggerDefinition, SVIDDefinition, TrustDomainDefinition],
];

// biome-ignore lint/suspicious/noExplicitAny: messages of all methods alike, as in ServiceDefinition
export type Method = MethodDefinition<any, any>;

export function methodOf(path: string): Method {
  const [, service, name] = path.split('/');
  const methods = DEFINITIONS.find(({ fullName }) => fullName === service)?.methods ?? {};
  const method = Object.values(methods).find((one) => one.name === name);
  if (method === undefined) throw new Error(`nobody defines ${path}`);
  return method;
}

/** A message as JSON holds it; bytes and tokens are told by their kind alone. */
export function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return value.length === 0 ? '' : '<bytes>';
  if (typeof value === 'bigint') return `${value}`;
  if (typeof value === 'string') return /^ey[\w-]+\.[\w-]+\.[\w-]+$/.test(value) ? '<token>' : value;
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  const fields = Object.entries(value).filter(([, field]) => field !== undefined);
  return Object.fromEntries(fields.map(([name, field]) => [name, plain(field)]));
}
