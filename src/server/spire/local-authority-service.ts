import { Fault } from '#kernel';
import type { ServiceBinding } from '#rpc';
import { LocalAuthorityDefinition } from '#wire/gen/spire/api/server/localauthority';
import { bindSpire, type Gate } from './bind.ts';
import type { SpireCaller } from './caller.ts';

/** `spire.api.server.localauthority.v1.LocalAuthority`: the key slots of a trust domain's authority, by command. */
export function localAuthorityService(gate: Gate): ServiceBinding<SpireCaller> {
  const unimplemented = async (): Promise<never> => {
    throw new Fault('METHOD_UNIMPLEMENTED', 'this method is not offered here');
  };
  return bindSpire(gate, LocalAuthorityDefinition, {
    getJWTAuthorityState: unimplemented,
    prepareJWTAuthority: unimplemented,
    activateJWTAuthority: unimplemented,
    taintJWTAuthority: unimplemented,
    revokeJWTAuthority: unimplemented,
    getX509AuthorityState: unimplemented,
    prepareX509Authority: unimplemented,
    activateX509Authority: unimplemented,
    taintX509Authority: unimplemented,
    taintX509UpstreamAuthority: unimplemented,
    revokeX509Authority: unimplemented,
    revokeX509UpstreamAuthority: unimplemented,
    getWITAuthorityState: unimplemented,
    prepareWITAuthority: unimplemented,
    activateWITAuthority: unimplemented,
    taintWITAuthority: unimplemented,
    revokeWITAuthority: unimplemented,
  });
}
