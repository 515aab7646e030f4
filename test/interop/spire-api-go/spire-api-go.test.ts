// SPIRE's own API package with Go's gRPC, unmodified, against our server.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { AgentDefinition } from '#wire/gen/spire/api/server/agent';
import { EntryDefinition } from '#wire/gen/spire/api/server/entry';
import { Entry } from '#wire/gen/spire/api/types';
import { spiffeId, withSpire } from '../../../src/server/spire/spire.harness.ts';
import { ask, build, skipOf } from '../stranger.ts';

const here = import.meta.dirname;
const built = build({
  name: 'spire-api-go',
  sources: ['main.go', 'go.mod', 'go.sum'].map((name) => join(here, name)),
  steps: (folder) => [['go', ['build', '-o', join(folder, 'client'), '.'], here]],
});
const skip = skipOf(built);
const client = 'folder' in built ? join(built.folder, 'client') : '';

/** With an empty request on the admin socket: what cannot be empty is InvalidArgument, what is not of operators PermissionDenied. */
const EXPECTED: Readonly<Record<string, string>> = {
  'agent.v1.Agent/AttestAgent': 'InvalidArgument',
  'agent.v1.Agent/BanAgent': 'InvalidArgument',
  'agent.v1.Agent/CreateJoinToken': 'InvalidArgument',
  'agent.v1.Agent/DeleteAgent': 'InvalidArgument',
  'agent.v1.Agent/GetAgent': 'InvalidArgument',
  'agent.v1.Agent/PostStatus': 'PermissionDenied',
  'agent.v1.Agent/RenewAgent': 'PermissionDenied',
  'bundle.v1.Bundle/GetFederatedBundle': 'InvalidArgument',
  'bundle.v1.Bundle/PublishJWTAuthority': 'PermissionDenied',
  'bundle.v1.Bundle/PublishWITAuthority': 'PermissionDenied',
  'entry.v1.Entry/GetAuthorizedEntries': 'PermissionDenied',
  'entry.v1.Entry/GetEntry': 'InvalidArgument',
  'entry.v1.Entry/SyncAuthorizedEntries': 'PermissionDenied',
  'localauthority.v1.LocalAuthority/ActivateJWTAuthority': 'InvalidArgument',
  'localauthority.v1.LocalAuthority/ActivateWITAuthority': 'InvalidArgument',
  'localauthority.v1.LocalAuthority/ActivateX509Authority': 'InvalidArgument',
  'localauthority.v1.LocalAuthority/RevokeJWTAuthority': 'InvalidArgument',
  'localauthority.v1.LocalAuthority/RevokeWITAuthority': 'InvalidArgument',
  'localauthority.v1.LocalAuthority/RevokeX509Authority': 'InvalidArgument',
  'localauthority.v1.LocalAuthority/RevokeX509UpstreamAuthority': 'InvalidArgument',
  'localauthority.v1.LocalAuthority/TaintJWTAuthority': 'InvalidArgument',
  'localauthority.v1.LocalAuthority/TaintWITAuthority': 'InvalidArgument',
  'localauthority.v1.LocalAuthority/TaintX509Authority': 'InvalidArgument',
  'localauthority.v1.LocalAuthority/TaintX509UpstreamAuthority': 'InvalidArgument',
  'logger.v1.Logger/SetLogLevel': 'InvalidArgument',
  'svid.v1.SVID/BatchNewWITSVID': 'PermissionDenied',
  'svid.v1.SVID/BatchNewX509SVID': 'PermissionDenied',
  'svid.v1.SVID/MintJWTSVID': 'InvalidArgument',
  'svid.v1.SVID/MintWITSVID': 'InvalidArgument',
  'svid.v1.SVID/MintX509SVID': 'InvalidArgument',
  'svid.v1.SVID/NewDownstreamX509CA': 'PermissionDenied',
  'svid.v1.SVID/NewJWTSVID': 'PermissionDenied',
  'trustdomain.v1.TrustDomain/GetFederationRelationship': 'InvalidArgument',
  'trustdomain.v1.TrustDomain/RefreshBundle': 'InvalidArgument',
};

test('every method answers as it should to an empty request', { skip }, () =>
  withSpire(async (spire) => {
    const answers = await ask(client, ['methods', spire.server.spire('bank-a')?.socket ?? '']);
    assert.ok(answers.length >= 50);
    for (const { method, code } of answers) {
      const name = String(method).slice('/spire.api.server.'.length);
      assert.equal(code, EXPECTED[name] ?? 'OK', name);
    }
  }),
);

test(
  'an agent’s life: TLS 1.2 without certificate and without SNI, SVIDs that Go verifies, renewal, and the ban’s details',
  { skip },
  () =>
    withSpire(async (spire) => {
      const entry = {
        ...Entry.decode(new Uint8Array()),
        spiffeId: spiffeId('/web'),
        parentId: spiffeId('/node/one'),
        selectors: [{ type: 'unix', value: 'uid:1' }],
      };
      await spire.local(EntryDefinition).batchCreateEntry({ entries: [entry], outputMask: undefined });
      const operator = spire.local(AgentDefinition);
      const { value } = await operator.createJoinToken({ ttl: 60, token: '', agentId: spiffeId('/node/one') });
      const { socket = '', tls } = spire.server.spire('bank-a') ?? {};
      const answers = await ask(client, ['agent', socket, `${tls?.host}:${tls?.port}`, value]);
      assert.deepEqual(answers, [
        { step: 'attest', value: `/spire/agent/join_token/${value}`, code: 'OK' },
        { step: 'sync', value: true, code: 'OK' },
        { step: 'batch', value: [0, 5, 3], code: 'OK' },
        { step: 'jwt', value: '/web', code: 'OK' },
        { step: 'status', value: true, code: 'OK' },
        { step: 'operators only', value: null, code: 'PermissionDenied' },
        { step: 'renewed', value: true, code: 'OK' },
        { step: 'replaced', value: null, code: 'PermissionDenied', reason: 'AGENT_NOT_ACTIVE' },
        { step: 'banned', value: null, code: 'PermissionDenied', reason: 'AGENT_BANNED' },
      ]);
    }),
);
