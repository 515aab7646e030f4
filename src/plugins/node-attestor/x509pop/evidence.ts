import { createPrivateKey } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { NodeEvidenceSource } from '#attestation';
import { Fault, type Random } from '#kernel';
import { derCertificates } from '#x509';
import { respond } from './proof.ts';

export interface X509popEvidenceOptions {
  /** PEM: the node's certificate, then those above it. */
  readonly certFile: string;
  readonly keyFile: string;
  readonly random: Random;
}

/** The node's own certificate; the files are read again at each attestation, for they may be renewed. */
export function x509popEvidence({ certFile, keyFile, random }: X509popEvidenceOptions): NodeEvidenceSource {
  return {
    type: 'x509pop',
    payload: async () => {
      const chain = derCertificates(await read(certFile));
      return Buffer.from(JSON.stringify({ certificates: chain.map((der) => der.toString('base64')) }));
    },
    respond: async (challenge) =>
      respond(createPrivateKey(await read(keyFile)), challenge, Buffer.from(random.bytes(32))),
  };
}

async function read(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new Fault('CONFIG_UNREADABLE', `${path} cannot be read`, { cause });
  }
}
