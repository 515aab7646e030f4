// The stock `spire-server` command line, unmodified, on our admin socket.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { withSpire } from '../../../src/server/spire/spire.harness.ts';
import { cli, skip } from './stock.ts';

test('every command that talks to a server', { skip }, () =>
  withSpire(async (spire) => {
    const spireServer = cli(spire);
    const succeeds = async (...args: readonly string[]): Promise<string> => {
      const { code, output } = await spireServer(...args);
      assert.equal(code, 0, `spire-server ${args.join(' ')}: ${output}`);
      return output;
    };
    const fails = async (pattern: RegExp, ...args: readonly string[]): Promise<void> => {
      const { code, output } = await spireServer(...args);
      assert.notEqual(code, 0, `spire-server ${args.join(' ')} should fail`);
      assert.match(output, pattern);
    };
    assert.match(await succeeds('healthcheck'), /healthy/);

    const web = [
      '-parentID',
      'spiffe://bank-a/node/one',
      '-spiffeID',
      'spiffe://bank-a/web',
      '-selector',
      'unix:uid:1',
    ];
    const more = [
      '-dns',
      'web.local',
      '-x509SVIDTTL',
      '60',
      '-jwtSVIDTTL',
      '30',
      '-hint',
      'web',
      '-admin',
      '-downstream',
    ];
    await succeeds('entry', 'create', ...web, ...more, '-entryID', 'web', '-entryExpiry', '4102444800', '-storeSVID');
    await fails(/AlreadyExists/, 'entry', 'create', ...web);
    await fails(/InvalidArgument/, 'entry', 'create', ...web, '-dns', 'a b');
    const shown = await succeeds('entry', 'show', '-entryID', 'web');
    for (const line of [
      /X509-SVID TTL\s*: 60/,
      /JWT-SVID TTL\s*: 30/,
      /DNS name\s*: web.local/,
      /Hint\s*: web/,
      /Downstream/,
    ])
      assert.match(shown, line);
    await succeeds('entry', 'update', '-entryID', 'web', ...web, '-hint', 'new');
    assert.match(
      await succeeds('entry', 'show', '-selector', 'unix:uid:1', '-spiffeID', 'spiffe://bank-a/web'),
      /Hint\s*: new/,
    );
    assert.match(await succeeds('entry', 'count'), /1 registration entry/);
    await succeeds('entry', 'delete', '-entryID', 'web');
    await fails(/NotFound/, 'entry', 'delete', '-entryID', 'web');

    assert.match(await succeeds('token', 'generate', '-spiffeID', 'spiffe://bank-a/node/one', '-ttl', '60'), /Token: /);
    const agent = await spire.attest();
    assert.match(await succeeds('agent', 'list'), new RegExp(agent.id));
    assert.match(await succeeds('agent', 'show', '-spiffeID', agent.id), /Serial number/);
    assert.match(await succeeds('agent', 'count'), /1 attested agent/);
    await succeeds('agent', 'purge', '-expiredFor', '1h');
    await succeeds('agent', 'evict', '-spiffeID', agent.id);
    assert.match(await succeeds('agent', 'count'), /0 attested agents/);

    const files = mkdtempSync(join(tmpdir(), 'cli-'));
    try {
      const bundle = join(files, 'bundle');
      writeFileSync(bundle, await succeeds('bundle', 'show', '-format', 'spiffe'));
      await succeeds('bundle', 'set', '-id', 'spiffe://partner.example', '-path', bundle, '-format', 'spiffe');
      assert.match(await succeeds('bundle', 'list', '-format', 'spiffe'), /partner.example/);
      assert.match(await succeeds('bundle', 'count'), /2 bundles/);
      const endpoint = ['-bundleEndpointURL', 'https://partner.example/', '-bundleEndpointProfile', 'https_web'];
      await succeeds('federation', 'create', '-trustDomain', 'partner.example', ...endpoint);
      await fails(/AlreadyExists/, 'federation', 'create', '-trustDomain', 'partner.example', ...endpoint);
      const spiffe = [
        '-bundleEndpointProfile',
        'https_spiffe',
        '-endpointSpiffeID',
        'spiffe://partner.example/spire/server',
      ];
      await succeeds(
        'federation',
        'update',
        '-trustDomain',
        'partner.example',
        '-bundleEndpointURL',
        'https://partner.example/',
        ...spiffe,
      );
      assert.match(await succeeds('federation', 'show', '-trustDomain', 'partner.example'), /https_spiffe/);
      assert.match(await succeeds('federation', 'list'), /Found 1 federation relationship/);
      await succeeds('entry', 'create', ...web, '-federatesWith', 'spiffe://partner.example');
      await fails(/in use/, 'bundle', 'delete', '-id', 'spiffe://partner.example');
      await fails(
        /Unavailable|Unauthenticated|PermissionDenied|Internal/,
        'federation',
        'refresh',
        '-id',
        'partner.example',
      );
      await fails(/no federation relationship/, 'federation', 'refresh', '-id', 'unknown.example');
      await succeeds('federation', 'delete', '-id', 'partner.example');
      await succeeds('bundle', 'delete', '-id', 'spiffe://partner.example', '-mode', 'dissociate');
    } finally {
      rmSync(files, { recursive: true });
    }

    assert.match(
      await succeeds('x509', 'mint', '-spiffeID', 'spiffe://bank-a/minted', '-dns', 'a.local'),
      /X509-SVID:/,
    );
    assert.match(await succeeds('jwt', 'mint', '-spiffeID', 'spiffe://bank-a/minted', '-audience', 'db'), /^ey/m);
    await fails(/InvalidArgument/, 'jwt', 'mint', '-spiffeID', 'spiffe://bank-b/minted', '-audience', 'db');

    for (const kind of ['x509', 'jwt'] as const) {
      const authority = (text: string, state: RegExp) =>
        new RegExp(`${state.source}[\\s\\S]*?Authority ID: (\\S+)`).exec(text)?.[1] ?? '';
      const active = authority(await succeeds('localauthority', kind, 'show'), /Active/);
      const prepared = authority(await succeeds('localauthority', kind, 'prepare'), /Prepared/);
      await succeeds('localauthority', kind, 'activate', '-authorityID', prepared);
      await fails(/InvalidArgument/, 'localauthority', kind, 'taint', '-authorityID', prepared);
      await succeeds('localauthority', kind, 'taint', '-authorityID', active);
      await succeeds('localauthority', kind, 'revoke', '-authorityID', active);
    }
    await fails(/FailedPrecondition/, 'upstreamauthority', 'taint', '-subjectKeyID', 'ab');
    await fails(/FailedPrecondition/, 'upstreamauthority', 'revoke', '-subjectKeyID', 'ab');
    assert.match(await succeeds('logger', 'get'), /info/);
    await succeeds('logger', 'set', '-level', 'debug');
    await succeeds('logger', 'reset');
  }),
);
