import { Fault } from '#kernel';
import { SpiffeId } from '#spiffe';

/** What a `Gate` document says. */
export interface GateDocument {
  readonly database: string;
  readonly credentialLifetimeSeconds: number;
  readonly roles: readonly { readonly spiffeId: string; readonly role: string }[];
}

const LIMIT_SECONDS = 15 * 60;
const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600 };

/** Reads the spec of a document that has been validated as a whole. Throws `CONFIG_INVALID`. */
export function parseGateDocument(json: unknown): GateDocument {
  const { database, credentialLifetime, roles } = Object(Object(json).spec);
  if (typeof database !== 'string' || !Array.isArray(roles)) throw invalid('a gate needs a database and roles');
  const credentialLifetimeSeconds = parseLifetime(credentialLifetime);
  return { database, credentialLifetimeSeconds, roles: roles.map(parseRole) };
}

function parseRole(value: unknown): { readonly spiffeId: string; readonly role: string } {
  const { spiffeId, role } = Object(value);
  if (typeof spiffeId !== 'string' || typeof role !== 'string' || !/^[a-z_][a-z0-9_]{0,45}$/.test(role)) {
    throw invalid('a role needs a SPIFFE ID and a name of a-z 0-9 _ of at most 46 characters');
  }
  if (role.startsWith('pg_') || role.startsWith('hauberk_'))
    throw invalid('roles named pg_… and hauberk_… are not for workloads');
  return { spiffeId: SpiffeId.parse(spiffeId).toString(), role };
}

function parseLifetime(value: unknown): number {
  const text = typeof value === 'number' ? `${value}s` : value;
  const [, amount = '', unit = ''] = typeof text === 'string' ? (/^(\d{1,5})([smh])$/.exec(text) ?? []) : [];
  const seconds = Number(amount) * (UNITS[unit] ?? 0);
  if (seconds < 1 || seconds > LIMIT_SECONDS) throw invalid('a database credential lives for at most 15 minutes');
  return seconds;
}

function invalid(sentence: string): Fault {
  return new Fault('CONFIG_INVALID', sentence);
}
