import { z } from 'zod';
import { parseSettings, readSettingsFile } from '#kernel';
import { isSpiffeId } from '#spiffe';
import { authoritySchema } from './authority-config.ts';
import { nodeAttestorsSchema } from './node-attestors.ts';

const limitName = z.enum(['attestation', 'syncAttestation', 'renewal', 'status', 'publish', 'x509', 'jwt', 'wit']);

const schema = z.strictObject({
  name: z.string().optional(),
  dataDir: z.string().min(1),
  adminSocket: z.string().min(1),
  /** Absent: SQLite in `dataDir`. Servers that share a PostgreSQL database serve the same trust domains. */
  store: z
    .discriminatedUnion('type', [
      z.strictObject({ type: z.literal('sqlite') }),
      z.strictObject({
        type: z.literal('postgres'),
        host: z.string().min(1),
        port: z.number().int().min(1).max(65535).default(5432),
        database: z.string().min(1),
        user: z.string().min(1),
        passwordFile: z.string().min(1),
        caFile: z.string().min(1).optional(),
        tls: z.enum(['verify', 'off']).optional(),
      }),
    ])
    .optional(),
  spire: z
    .strictObject({
      /** Admin sockets by trust domain, where the default place will not do. */
      sockets: z.record(z.string(), z.string().min(1)).optional(),
      /** SPIFFE IDs, by trust domain, that are operators over TLS without an entry; of the trust domain, or of one whose bundle it knows. */
      adminIds: z
        .record(z.string(), z.array(z.string().refine((id): boolean => isSpiffeId(id), 'a SPIFFE ID was expected')))
        .optional(),
      /** Calls a second for each source address; 0 switches a limit off. */
      rateLimits: z.partialRecord(limitName, z.number().int().min(0)).optional(),
    })
    .optional(),
  /** Agents whose certificate expired longer ago than this are forgotten; 0: never. */
  agentsExpiredForSeconds: z.number().int().min(0).optional(),
  /** Ways for nodes to attest, by trust domain, beside join tokens. */
  nodeAttestors: z.record(z.string(), nodeAttestorsSchema).optional(),
  authority: authoritySchema.optional(),
  /** File of PEM roots for bundle endpoints of profile https_web, in place of the system's. */
  webRoots: z.string().optional(),
  sync: z.strictObject({ host: z.string().min(1), port: z.number().int().min(0).max(65535) }),
});

export type ServerConfig = z.output<typeof schema>;

/** Reads the JSON file that `--config` names. Throws `CONFIG_UNREADABLE` or `CONFIG_INVALID` with every problem. */
export function readServerConfig(path: string): ServerConfig {
  return parseSettings(schema, readSettingsFile(path), path);
}
