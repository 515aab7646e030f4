import type { AuthorityKind, AuthorityState } from '#authority';
import { Fault, isFault } from '#kernel';
import type { ServiceBinding } from '#rpc';
import {
  LocalAuthorityDefinition,
  type AuthorityState as StateMessage,
} from '#wire/gen/spire/api/server/localauthority';
import { type Admitted, bindSpire, type Gate } from './bind.ts';
import type { SpireCaller } from './caller.ts';

interface Called {
  readonly caller: Admitted;
}

type Verb = 'activate' | 'taint' | 'revoke';

/** `spire.api.server.localauthority.v1.LocalAuthority`: the keys of a trust domain's authority, by command; every change leaves a receipt. */
export function localAuthorityService(gate: Gate): ServiceBinding<SpireCaller> {
  const show = async (kind: AuthorityKind, { caller }: Called) => {
    const states = gate.state.trustDomain(caller.trustDomain).authority.states(kind);
    const newest = (state: AuthorityState['state']): StateMessage | undefined => {
      const found = states.findLast((one) => one.state === state);
      return found === undefined ? undefined : encode(found);
    };
    return { active: newest('active'), prepared: newest('prepared'), old: newest('old') };
  };
  const prepare = async (kind: AuthorityKind, { caller }: Called) => {
    const prepared = await gate.state.trustDomain(caller.trustDomain).authority.prepare(kind);
    await note(gate, caller, 'authority:prepare', `${kind} ${prepared.id}`);
    return { preparedAuthority: encode(prepared) };
  };
  const change = async (verb: Verb, kind: AuthorityKind, id: string, { caller }: Called): Promise<StateMessage> => {
    const { authority } = gate.state.trustDomain(caller.trustDomain);
    if (id === '') throw new Fault('ARGUMENT_INVALID', 'no authority ID provided');
    const { state } = authority.states(kind).find((one) => one.id === id) ?? {};
    if (state === 'active' || (state === 'prepared' && verb !== 'activate'))
      throw new Fault('ARGUMENT_INVALID', `unable to ${verb} ${state} local authority`);
    const changed = await known(authority[verb](kind, id));
    await note(gate, caller, `authority:${verb}`, `${kind} ${id}`);
    return encode(changed);
  };
  const activate = async (kind: AuthorityKind, id: string, called: Called) => ({
    activatedAuthority: await change('activate', kind, id, called),
  });
  const taint = async (kind: AuthorityKind, id: string, called: Called) => ({
    taintedAuthority: await change('taint', kind, id, called),
  });
  const revoke = async (kind: AuthorityKind, id: string, called: Called) => ({
    revokedAuthority: await change('revoke', kind, id, called),
  });
  const upstream = async (verb: 'taintUpstream' | 'revokeUpstream', id: string, { caller }: Called) => {
    if (id === '') throw new Fault('ARGUMENT_INVALID', 'no subject key ID provided');
    await known(gate.state.trustDomain(caller.trustDomain).authority[verb](id));
    await note(gate, caller, verb === 'taintUpstream' ? 'authority:taint-upstream' : 'authority:revoke-upstream', id);
    return { upstreamAuthoritySubjectKeyId: id };
  };
  return bindSpire(gate, LocalAuthorityDefinition, {
    getJWTAuthorityState: (_, called) => show('jwt', called),
    prepareJWTAuthority: (_, called) => prepare('jwt', called),
    activateJWTAuthority: ({ authorityId }, called) => activate('jwt', authorityId, called),
    taintJWTAuthority: ({ authorityId }, called) => taint('jwt', authorityId, called),
    revokeJWTAuthority: ({ authorityId }, called) => revoke('jwt', authorityId, called),
    getX509AuthorityState: (_, called) => show('x509', called),
    prepareX509Authority: (_, called) => prepare('x509', called),
    activateX509Authority: ({ authorityId }, called) => activate('x509', authorityId, called),
    taintX509Authority: ({ authorityId }, called) => taint('x509', authorityId, called),
    taintX509UpstreamAuthority: ({ subjectKeyId }, called) => upstream('taintUpstream', subjectKeyId, called),
    revokeX509Authority: ({ authorityId }, called) => revoke('x509', authorityId, called),
    revokeX509UpstreamAuthority: ({ subjectKeyId }, called) => upstream('revokeUpstream', subjectKeyId, called),
    getWITAuthorityState: (_, called) => show('wit', called),
    prepareWITAuthority: (_, called) => prepare('wit', called),
    activateWITAuthority: ({ authorityId }, called) => activate('wit', authorityId, called),
    taintWITAuthority: ({ authorityId }, called) => taint('wit', authorityId, called),
    revokeWITAuthority: ({ authorityId }, called) => revoke('wit', authorityId, called),
  });
}

/** SPIRE says of an authority that is not there that its id is not the expected one. */
async function known<T>(change: Promise<T>): Promise<T> {
  try {
    return await change;
  } catch (cause) {
    if (isFault(cause) && cause.code === 'NOT_FOUND')
      throw new Fault('ARGUMENT_INVALID', 'unexpected authority ID', { cause });
    throw cause;
  }
}

async function note({ state }: Gate, { trustDomain, by }: Admitted, action: string, resource: string): Promise<void> {
  const common = { kind: 'registry', effect: 'allow', code: 'ALLOWED' } as const;
  await state.recorder.note({ ...common, trustDomain, action, resource, proof: by });
}

function encode({ id, notAfter, upstreamAuthorityId = '' }: AuthorityState): StateMessage {
  return {
    authorityId: id,
    expiresAt: BigInt(Math.floor(notAfter / 1000)),
    upstreamAuthoritySubjectKeyId: upstreamAuthorityId,
  };
}
