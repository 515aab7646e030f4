import { z } from 'zod';
import { type EdgeDocument, findDurationSeconds, parseDocument } from '#config';
import { Fault, parseSettings, readSettingsFile } from '#kernel';

const listen = z.strictObject({ host: z.string().min(1), port: z.number().int().min(0).max(65_535) });

const schema = z.strictObject({
  service: z.string().regex(/^[a-z0-9-]+\/[a-z0-9-]+$/),
  http: listen.optional(),
  https: listen.optional(),
  hosts: z.array(z.string().regex(/^[a-z0-9.-]+$/)).min(1),
  agentSocket: z.string().min(1),
  dataDir: z.string().optional(),
  document: z.unknown(),
  routes: z.array(z.unknown()),
});

export type EdgeConfig = z.output<typeof schema>;

/** An `Edge` document with its durations in seconds. */
export interface EdgeSettings {
  readonly oidc: EdgeDocument['spec']['oidc'];
  readonly sessionSeconds: number;
  readonly idleSeconds: number;
  readonly identities: EdgeDocument['spec']['identities'];
  readonly txnTokenSeconds: number;
  readonly internalJwtSeconds: number;
  readonly pages?: string;
}

/** Reads the JSON file that `--config` names. Throws `CONFIG_UNREADABLE` or `CONFIG_INVALID` with every problem. */
export function readEdgeConfig(path: string): EdgeConfig {
  return parseEdgeConfig(readSettingsFile(path), path);
}

export function parseEdgeConfig(json: unknown, source: string): EdgeConfig {
  return parseSettings(schema, json, source);
}

/** Reads an Edge document. Throws `CONFIG_INVALID`. */
export function readSettings(json: unknown): EdgeSettings {
  const document = parseDocument(json);
  if (document.kind !== 'Edge') throw new Fault('CONFIG_INVALID', 'an edge is given an Edge document');
  const { oidc, session, identities, tokens, pages } = document.spec;
  const sessionSeconds = secondsOf(session.lifetime);
  return {
    oidc,
    identities,
    sessionSeconds,
    idleSeconds: Math.min(sessionSeconds, session.idle === undefined ? sessionSeconds : secondsOf(session.idle)),
    txnTokenSeconds: secondsOf(tokens.txnToken.lifetime),
    internalJwtSeconds: secondsOf(tokens.internalJwt?.lifetime ?? '5m'),
    ...(pages === undefined ? {} : { pages }),
  };
}

function secondsOf(value: unknown): number {
  const seconds = typeof value === 'number' ? value : findDurationSeconds(String(value));
  if (seconds === undefined) throw new Fault('CONFIG_INVALID', 'a duration is a number and s, m, h or d');
  return seconds;
}
