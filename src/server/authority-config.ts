import { z } from 'zod';

const path = z.string().min(1);

/** Where the private keys of the authorities live. Servers of one store need one place for them all: `store` or `aws-kms`. */
const keysSchema = z.discriminatedUnion('kind', [
  /** Files below the data directory; plain unless a passphrase seals them. */
  z.strictObject({ kind: z.literal('disk'), passphraseFile: path.optional() }),
  z.strictObject({ kind: z.literal('memory') }),
  /** In the store, sealed. */
  z.strictObject({ kind: z.literal('store'), passphraseFile: path }),
  z.strictObject({
    kind: z.literal('aws-kms'),
    region: z.string().min(1),
    endpoint: z.url().optional(),
    /** AWS's shared credentials file. */
    credentialsFile: path,
    profile: z.string().min(1).optional(),
    /** Servers of one group share their keys. */
    group: z.string().min(1),
  }),
]);

/** An authority above, by trust domain: absent ones sign their own CAs. */
const upstreamSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('disk'), certFile: path, keyFile: path, bundleFile: path.optional() }),
  z.strictObject({
    kind: z.literal('spire'),
    server: z.strictObject({ host: z.string().min(1), port: z.number().int().min(1).max(65535) }),
    workloadSocket: path,
  }),
]);

export const authoritySchema = z.strictObject({
  keys: keysSchema.optional(),
  upstream: z.record(z.string(), upstreamSchema).optional(),
  keyType: z.enum(['ec-p256', 'ec-p384', 'rsa-2048', 'rsa-4096']).optional(),
});

export type AuthorityConfig = z.output<typeof authoritySchema>;
