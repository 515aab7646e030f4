import { Fault, unixSeconds } from '#kernel';
import type { Draft } from '#registry';
import { bindService, type PeerCredentials, type ServiceBinding } from '#rpc';
import { REVOCATION_KINDS, type RevocationKind, type RevocationResource, revocationKey } from '#wire';
import { RevocationsDefinition, type RevokeRequest } from '#wire/gen/hauberk_revocations';
import { putRevocation } from '../put-revocation.ts';
import type { State } from '../state.ts';
import { operator } from './operator.ts';

/** `hauberk.admin.v1.Revocations`: on the operators' socket. Enforcement points hear of a revocation by the stream of their agent. */
export function revocationsService(state: State): ServiceBinding<PeerCredentials> {
  const { registry, options } = state;
  return bindService<typeof RevocationsDefinition, PeerCredentials>(RevocationsDefinition, {
    revoke: async (request, { caller }) => {
      const { trustDomain } = request;
      state.trustDomain(trustDomain);
      const body = revocation(request, unixSeconds(options.clock));
      const put = (draft: Draft): void => putRevocation(registry, draft, trustDomain, body);
      const { revision } = await state.commit(trustDomain, put, operator(caller));
      return { revision: BigInt(revision) };
    },
    list: async ({ trustDomain }) => {
      const all = registry.list<RevocationResource>('Revocation', trustDomain === '' ? undefined : trustDomain);
      return {
        revocations: all.map(({ trustDomain: name, body: { reason = '', expiresAt = 0, revokedAt, ...body } }) => ({
          trustDomain: name,
          ...body,
          reason,
          revokedAt: BigInt(revokedAt),
          expiresAt: BigInt(expiresAt),
        })),
      };
    },
    restore: async ({ trustDomain, kind, value }, { caller }) => {
      state.trustDomain(trustDomain);
      const key = revocationKey({ kind: parseKind(kind), value });
      const { revision } = await state.commit(trustDomain, [{ kind: 'Revocation', key, body: null }], operator(caller));
      return { revision: BigInt(revision) };
    },
  });
}

function revocation({ kind, value, reason, expiresAt }: RevokeRequest, now: number): RevocationResource {
  return {
    kind: parseKind(kind),
    value,
    revokedAt: now,
    ...(reason === '' ? {} : { reason }),
    ...(expiresAt === 0n ? {} : { expiresAt: Number(expiresAt) }),
  };
}

function parseKind(kind: string): RevocationKind {
  const known = REVOCATION_KINDS.find((one) => one === kind);
  if (known === undefined)
    throw new Fault('ARGUMENT_INVALID', `what is revoked is one of ${REVOCATION_KINDS.join(', ')}`);
  return known;
}
