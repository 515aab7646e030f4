import { AUTHORITY_KINDS, type Authority, type AuthorityKind, type AuthorityState } from '#authority';
import { Fault } from '#kernel';
import { bindService, type PeerCredentials, type ServiceBinding } from '#rpc';
import { AuthoritiesDefinition, type Authority as AuthorityMessage } from '#wire/gen/hauberk_authorities';
import type { State } from '../state.ts';
import { operator } from './operator.ts';

interface Named {
  readonly trustDomain: string;
  readonly kind: string;
  readonly authorityId: string;
}

type Verb = 'activate' | 'taint' | 'revoke';

/** `hauberk.admin.v1.Authorities`: on the operators' socket; every change leaves a receipt. */
export function authoritiesService(state: State): ServiceBinding<PeerCredentials> {
  const note = async (trustDomain: string, action: string, resource: string, caller: PeerCredentials) => {
    const common = { kind: 'registry', effect: 'allow', code: 'ALLOWED' } as const;
    await state.recorder.note({ ...common, trustDomain, action, resource, proof: operator(caller) });
  };
  const change = async (verb: Verb, { trustDomain, kind, authorityId }: Named, caller: PeerCredentials) => {
    const { authority } = state.trustDomain(trustDomain);
    const parsed = parseKind(kind);
    if (authorityId === '') throw new Fault('ARGUMENT_INVALID', 'no authority ID provided');
    const changed = await authority[verb](parsed, authorityId);
    await note(trustDomain, `authority:${verb}`, `${parsed} ${authorityId}`, caller);
    return { authority: toMessage(parsed, changed) };
  };
  return bindService<typeof AuthoritiesDefinition, PeerCredentials>(AuthoritiesDefinition, {
    show: async ({ trustDomain }) => {
      const { authority } = state.trustDomain(trustDomain);
      return { authorities: all(authority), sequence: BigInt(authority.bundle().sequence) };
    },
    prepare: async ({ trustDomain, kind }, { caller }) => {
      const parsed = parseKind(kind);
      const prepared = await state.trustDomain(trustDomain).authority.prepare(parsed);
      await note(trustDomain, 'authority:prepare', `${parsed} ${prepared.id}`, caller);
      return { authority: toMessage(parsed, prepared) };
    },
    activate: (request, { caller }) => change('activate', request, caller),
    taint: (request, { caller }) => change('taint', request, caller),
    revoke: (request, { caller }) => change('revoke', request, caller),
    taintUpstream: async ({ trustDomain, subjectKeyId }, { caller }) => {
      await state.trustDomain(trustDomain).authority.taintUpstream(subjectKeyId);
      await note(trustDomain, 'authority:taint-upstream', `x509 ${subjectKeyId}`, caller);
      return {};
    },
    revokeUpstream: async ({ trustDomain, subjectKeyId }, { caller }) => {
      await state.trustDomain(trustDomain).authority.revokeUpstream(subjectKeyId);
      await note(trustDomain, 'authority:revoke-upstream', `x509 ${subjectKeyId}`, caller);
      return {};
    },
  });
}

function all(authority: Authority): AuthorityMessage[] {
  return AUTHORITY_KINDS.flatMap((kind) => authority.states(kind).map((one) => toMessage(kind, one)));
}

function toMessage(kind: AuthorityKind, state: AuthorityState): AuthorityMessage {
  const { id, tainted, notAfter, upstreamAuthorityId = '' } = state;
  const expiresAt = BigInt(Math.floor(notAfter / 1000));
  return { kind, id, state: state.state, tainted, expiresAt, upstreamAuthorityId };
}

function parseKind(kind: string): AuthorityKind {
  const known = AUTHORITY_KINDS.find((one) => one === kind);
  if (known === undefined) throw new Fault('ARGUMENT_INVALID', `kinds are ${AUTHORITY_KINDS.join(', ')}`);
  return known;
}
