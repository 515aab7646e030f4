import { readFile } from 'node:fs/promises';
import { type NodeEvidenceSource, refused } from '#attestation';
import { Fault } from '#kernel';

/** The projected token of the agent's own pod; the file is read again each time, for the kubelet renews it. */
export function k8sPsatEvidence(cluster: string, tokenFile: string): NodeEvidenceSource {
  return {
    type: 'k8s_psat',
    payload: async () => {
      try {
        const token = (await readFile(tokenFile, 'utf8')).trim();
        return Buffer.from(JSON.stringify({ cluster, token }));
      } catch (cause) {
        throw new Fault('CONFIG_UNREADABLE', `${tokenFile} cannot be read`, { cause });
      }
    },
    respond: async () => {
      throw refused('a token answers no challenge');
    },
  };
}
