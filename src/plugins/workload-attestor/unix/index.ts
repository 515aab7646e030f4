import type { WorkloadAttestor } from '#attestation';

/** `unix:uid`, `unix:gid`: as SPIRE's attestor of this name. Names of users and groups, path and digest are not offered yet. */
export const unixAttestor: WorkloadAttestor = {
  name: 'unix',
  attest: async ({ uid, gid }) => [
    { type: 'unix', value: `uid:${uid}` },
    { type: 'unix', value: `gid:${gid}` },
  ],
};
