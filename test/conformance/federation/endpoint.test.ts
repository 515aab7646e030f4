import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { test } from 'node:test';
import { connect } from 'node:tls';
import { faultCode } from '#kernel';
import { parseFederation } from '#registry';
import { parseBundle } from '#spiffe';
import { BANK_A } from '../issuer.ts';
import { rejectsLater } from '../rejects.ts';
import {
  bootstrap,
  federate,
  get,
  known,
  published,
  refresh,
  strangeEndpoint,
  strangeRoot,
  webCertificate,
  withFederation,
} from './servers.ts';

const SERVER_ID = 'spiffe://bank-a/spire/server';
const SPIFFE = { type: 'https_spiffe', endpointSpiffeId: SERVER_ID };
const WEB = { type: 'https_web' };
const byName = (url: string): string => url.replace('127.0.0.1', 'localhost');

test('F-3 accepts a bundle of an endpoint of either profile', async () => {
  await withFederation('https_web', async ({ publisher, follower }) => {
    assert.deepEqual(await federate(follower, byName(publisher.url), WEB), []);
    await refresh(follower);
    assert.deepEqual(await known(follower), await published(publisher));
  });
  await withFederation('https_spiffe', async (federation) => {
    await bootstrap(federation);
    assert.deepEqual(await federate(federation.follower, federation.publisher.url, SPIFFE), []);
    await refresh(federation.follower);
  });
});

const shake = (url: string, options: object): Promise<string> =>
  new Promise((resolve) => {
    const port = Number(new URL(url).port);
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...options }, () => {
      resolve(socket.getProtocol() ?? '');
      socket.destroy();
    });
    socket.once('error', () => resolve('refused'));
  });

test('F-4 accepts TLS 1.3, and 1.2 with forward secrecy and authenticated encryption', () =>
  withFederation('https_spiffe', async ({ publisher: { url } }) => {
    assert.equal(await shake(url, {}), 'TLSv1.3');
    for (const ciphers of [
      'ECDHE-ECDSA-AES128-GCM-SHA256',
      'ECDHE-ECDSA-AES256-GCM-SHA384',
      'ECDHE-ECDSA-CHACHA20-POLY1305',
    ])
      assert.equal(await shake(url, { maxVersion: 'TLSv1.2', ciphers }), 'TLSv1.2');
  }));

test('F-4 rejects TLS 1.1 and 1.0, CBC and RSA key exchange', () =>
  withFederation('https_spiffe', async ({ publisher: { url } }) => {
    const weak = 'DEFAULT@SECLEVEL=0';
    for (const version of ['TLSv1.1', 'TLSv1'])
      assert.equal(await shake(url, { minVersion: version, maxVersion: version, ciphers: weak }), 'refused');
    for (const ciphers of ['ECDHE-ECDSA-AES128-SHA256', 'ECDHE-ECDSA-AES128-SHA', 'AES128-GCM-SHA256'])
      assert.equal(await shake(url, { maxVersion: 'TLSv1.2', ciphers: `${ciphers}:@SECLEVEL=0` }), 'refused');
  }));

test('F-5 accepts a relationship that names URL, profile and trust domain', () =>
  withFederation('https_spiffe', async ({ follower }) => {
    assert.deepEqual(await federate(follower, 'https://bank-a.example:8443/bundle?x=y', SPIFFE), []);
  }));

test('F-5 rejects a relationship without URL, without profile, or without trust domain', () =>
  withFederation('https_spiffe', async ({ follower }) => {
    const metadata = { name: 'bank-a', trustDomain: 'bank-b' };
    const url = 'https://bank-a.example/';
    for (const [one, content] of [
      [metadata, { bundleEndpointProfile: SPIFFE }],
      [metadata, { bundleEndpointUrl: url }],
      [{ trustDomain: 'bank-b' }, { bundleEndpointUrl: url, bundleEndpointProfile: SPIFFE }],
      [
        { name: '', trustDomain: 'bank-b' },
        { bundleEndpointUrl: url, bundleEndpointProfile: SPIFFE },
      ],
    ] as const)
      assert.notEqual((await follower.apply('Federation', one, content)).length, 0);
  }));

/** Neither from a document nor from an API. */
const isNoRelationship = (body: object): void =>
  assert.throws(
    () => parseFederation('bank-b', 'bank-a', { trustDomain: 'bank-a', ...body }),
    (error) => faultCode(error) === 'FEDERATION_INVALID',
  );

test('F-6 accepts https with port, path and query', () =>
  withFederation('https_spiffe', async ({ follower }) => {
    for (const url of ['https://bank-a.example', 'https://bank-a.example:1/a/b?c=d', 'https://[::1]:8443/'])
      assert.deepEqual(await federate(follower, url, WEB), [], url);
  }));

test('F-6 rejects http, user information and what is no URL', () =>
  withFederation('https_spiffe', async ({ follower }) => {
    for (const url of [
      'http://bank-a.example/',
      'https://u:p@bank-a.example/',
      'https://u@bank-a.example/',
      'bank-a.example',
      'https://',
      '',
    ]) {
      assert.notEqual((await federate(follower, url, WEB)).length, 0, url);
      isNoRelationship({ bundleEndpointUrl: url, bundleEndpointProfile: WEB });
    }
  }));

const answerWith =
  (body: string) =>
  (response: ServerResponse): void =>
    void response.end(body);

test('F-7 accepts a certificate of the web for the name of the URL', () =>
  withFederation('https_web', async ({ publisher, follower, life }) => {
    const { body } = await get(publisher.url);
    await federate(follower, await strangeEndpoint(life, webCertificate('localhost'), answerWith(body)), WEB);
    await refresh(follower);
    assert.deepEqual(await known(follower), await published(publisher));
  }));

test('F-7 rejects another name and another root', () =>
  withFederation('https_web', async ({ publisher, follower, life }) => {
    const { body } = await get(publisher.url);
    for (const certificate of [webCertificate('elsewhere.example'), webCertificate('localhost', strangeRoot)]) {
      await federate(follower, await strangeEndpoint(life, certificate, answerWith(body)), WEB);
      await rejectsLater(() => refresh(follower), 'FEDERATION_ENDPOINT_UNTRUSTED');
    }
  }));

test('F-8 the endpoint answers without a certificate or any credential of its client', () =>
  withFederation('https_spiffe', async ({ publisher }) => assert.equal((await get(publisher.url)).status, 200)));

test('F-9 GET gives the newest bundle, as JSON of its content type', () =>
  withFederation('https_spiffe', async ({ publisher }) => {
    const before = await get(publisher.url);
    assert.deepEqual([before.status, before.type], [200, 'application/json']);
    const bundle = parseBundle(before.body, BANK_A);
    assert.deepEqual(bundle.ignored, []);
    assert.ok((bundle.sequence ?? 0n) > 0n && (bundle.refreshHintSeconds ?? 0) > 0);
    await publisher.rotate();
    const after = parseBundle((await get(publisher.url)).body, BANK_A);
    assert.ok((after.sequence ?? 0n) > (bundle.sequence ?? 0n));
    assert.notDeepEqual(after.x509.authorities[0]?.serial, bundle.x509.authorities[0]?.serial);
  }));

test('F-9 rejects other methods and other paths', () =>
  withFederation('https_spiffe', async ({ publisher: { url } }) => {
    for (const method of ['POST', 'PUT', 'DELETE']) assert.equal((await get(url, method)).status, 405);
    for (const path of ['other', 'bundle', '.', '%2e%2e/']) assert.notEqual((await get(`${url}${path}x`)).status, 200);
  }));

test('F-10 rejects redirects, wherever they lead', () =>
  withFederation('https_web', async ({ publisher, follower, life }) => {
    for (const [status, location] of [
      [302, 'http://localhost/'],
      [307, byName(publisher.url)],
      [301, byName(publisher.url)],
      [308, '/other'],
    ] as const) {
      const redirect = (response: ServerResponse): void => void response.writeHead(status, { location }).end();
      await federate(follower, await strangeEndpoint(life, webCertificate('localhost'), redirect), WEB);
      await rejectsLater(() => refresh(follower), 'FEDERATION_ENDPOINT_UNAVAILABLE');
    }
  }));

test('F-11 rejects https_spiffe without the id of the endpoint, or with one that is none', () =>
  withFederation('https_spiffe', async ({ follower, publisher }) => {
    for (const profile of [
      { type: 'https_spiffe' },
      { type: 'https_spiffe', endpointSpiffeId: 'bank-a' },
      { type: 'https_other' },
    ]) {
      assert.notEqual((await federate(follower, publisher.url, profile)).length, 0);
      isNoRelationship({ bundleEndpointUrl: publisher.url, bundleEndpointProfile: profile });
    }
    assert.deepEqual(await federate(follower, publisher.url, SPIFFE), []);
  }));

test('F-12 accepts an endpoint with exactly the id that was named', () =>
  withFederation('https_spiffe', async (federation) => {
    await bootstrap(federation);
    await federate(federation.follower, federation.publisher.url, SPIFFE);
    await refresh(federation.follower);
  }));

test('F-12 rejects another id of the same trust domain', () =>
  withFederation('https_spiffe', async (federation) => {
    await bootstrap(federation);
    await federate(federation.follower, federation.publisher.url, {
      ...SPIFFE,
      endpointSpiffeId: 'spiffe://bank-a/other',
    });
    await rejectsLater(() => refresh(federation.follower), 'FEDERATION_ENDPOINT_UNTRUSTED');
  }));

test('F-13 goes on with the newest bundle that was fetched: the root is rotated twice', () =>
  withFederation('https_spiffe', async (federation) => {
    const { publisher, follower } = federation;
    await bootstrap(federation);
    await federate(follower, publisher.url, SPIFFE);
    for (let turn = 0; turn < 2; turn++) {
      await publisher.rotate(async () => {
        await refresh(follower);
      });
      await refresh(follower);
      assert.deepEqual(await known(follower), await published(publisher));
    }
  }));

test('F-13 rejects an endpoint that only a root no longer published would prove', () =>
  withFederation('https_spiffe', async (federation) => {
    await bootstrap(federation);
    await federation.publisher.rotate();
    await federate(federation.follower, federation.publisher.url, SPIFFE);
    await rejectsLater(() => refresh(federation.follower), 'FEDERATION_ENDPOINT_UNTRUSTED');
  }));

test('F-14 rejects an endpoint of a trust domain whose bundle was not given', () =>
  withFederation('https_spiffe', async ({ publisher, follower }) => {
    await federate(follower, publisher.url, SPIFFE);
    await rejectsLater(() => refresh(follower), 'FEDERATION_ENDPOINT_UNTRUSTED');
    await federate(follower, publisher.url, { ...SPIFFE, endpointSpiffeId: 'spiffe://elsewhere.example/server' });
    await rejectsLater(() => refresh(follower), 'FEDERATION_ENDPOINT_UNTRUSTED');
  }));

test('F-15 what fails keeps the bundle that is known, and works again afterwards', () =>
  withFederation('https_web', async ({ publisher, follower, life }) => {
    const good = byName(publisher.url);
    await federate(follower, good, WEB);
    await refresh(follower);
    const before = await known(follower);
    const { body } = await get(publisher.url);
    for (const [code, answer] of [
      ['FEDERATION_ENDPOINT_UNAVAILABLE', (response) => response.writeHead(500).end(body)],
      ['FEDERATION_ENDPOINT_UNAVAILABLE', (response) => response.destroy()],
      ['BUNDLE_INVALID', (response) => response.end('{"keys":1}')],
      ['BUNDLE_INVALID', (response) => response.end('{"keys":[],"keys":[]}')],
      ['BUNDLE_INVALID', (response) => response.end(Buffer.alloc(2 * 1024 * 1024, 0x20))],
      ['FEDERATION_BUNDLE_STALE', (response) => response.end('{"keys":[],"spiffe_sequence":0}')],
    ] as [string, (response: ServerResponse) => void][]) {
      await federate(follower, await strangeEndpoint(life, webCertificate('localhost'), answer), WEB);
      await rejectsLater(() => refresh(follower), code);
      assert.deepEqual(await known(follower), before);
    }
    await federate(follower, good, WEB);
    await refresh(follower);
  }));
