import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectPlain } from 'node:net';
import { test } from 'node:test';
import { connect } from 'node:tls';
import { message, serving } from './serve.harness.ts';

const GET = 'GET / HTTP/1.1\r\nHost: service\r\n';
const POST = 'POST / HTTP/1.1\r\nHost: service\r\n';
const END = 'Connection: close\r\n\r\n';
const SMUGGLED = 'GET /smuggled HTTP/1.1\r\nHost: service\r\n\r\n';

/** Bytes, and the one answer that they get: its status and code, or the path that the handler saw. */
const ATTACKS: readonly (readonly [string, string, number, string])[] = [
  ['nothing odd', `${GET}${END}`, 200, '/'],
  [
    'content-length and chunked',
    `${POST}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${SMUGGLED}`,
    400,
    'REQUEST_AMBIGUOUS',
  ],
  [
    'chunked twice',
    `${POST}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${SMUGGLED}`,
    400,
    'REQUEST_AMBIGUOUS',
  ],
  [
    'chunked and another coding',
    `${POST}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n${SMUGGLED}`,
    400,
    'REQUEST_AMBIGUOUS',
  ],
  [
    'an obscured coding',
    `${POST}Transfer-Encoding: xchunked\r\nContent-Length: 0\r\n\r\n${SMUGGLED}`,
    400,
    'REQUEST_AMBIGUOUS',
  ],
  [
    'a coding behind a vertical tab',
    `${POST}Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n${SMUGGLED}`,
    400,
    'REQUEST_AMBIGUOUS',
  ],
  [
    'a coding with a blank before its colon',
    `${POST}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n`,
    400,
    'REQUEST_AMBIGUOUS',
  ],
  ['two lengths', `${POST}Content-Length: 0\r\nContent-Length: 5\r\n\r\n${SMUGGLED}`, 400, 'REQUEST_AMBIGUOUS'],
  ['two equal lengths', `${POST}Content-Length: 0\r\nContent-Length: 0\r\n\r\n${SMUGGLED}`, 400, 'REQUEST_AMBIGUOUS'],
  ['a length with a sign', `${POST}Content-Length: +5\r\n\r\nhello`, 400, 'REQUEST_AMBIGUOUS'],
  ['a length in two parts', `${POST}Content-Length: 5, 5\r\n\r\nhello`, 400, 'REQUEST_AMBIGUOUS'],
  ['a length that overflows', `${POST}Content-Length: 18446744073709551620\r\n\r\nhello`, 400, 'REQUEST_AMBIGUOUS'],
  [
    'a chunk size that is none',
    `${POST}Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n`,
    400,
    'REQUEST_AMBIGUOUS',
  ],
  [
    'a chunk whose extension holds a bare LF',
    `${POST}Transfer-Encoding: chunked\r\n\r\n5;a\nb\r\nhello\r\n0\r\n\r\n`,
    400,
    'REQUEST_AMBIGUOUS',
  ],
  ['bare LF as line ends', 'GET / HTTP/1.1\nHost: service\n\n', 400, 'REQUEST_AMBIGUOUS'],
  ['a bare CR within a field', `${GET}X-A: a\rX-User-ID: root\r\n\r\n`, 400, 'REQUEST_AMBIGUOUS'],
  ['a folded field', `${GET}X-A: a\r\n X-User-ID: root\r\n\r\n`, 400, 'REQUEST_AMBIGUOUS'],
  ['a folded first field', 'GET / HTTP/1.1\r\n Host: service\r\n\r\n', 400, 'REQUEST_AMBIGUOUS'],
  ['NUL within a field', `${GET}X-A: a\0b\r\n\r\n`, 400, 'REQUEST_AMBIGUOUS'],
  ['two hosts', `${GET}Host: other\r\n${END}`, 400, 'REQUEST_CREDENTIALS_DOUBLED'],
  ['no host', `GET / HTTP/1.1\r\n${END}`, 400, 'REQUEST_AMBIGUOUS'],
  ['a host that is no name', `GET / HTTP/1.1\r\nHost: service/../x\r\n${END}`, 400, 'REQUEST_AMBIGUOUS'],
  ['an absolute target that agrees', `GET https://service/a HTTP/1.1\r\nHost: service\r\n${END}`, 200, '/a'],
  [
    'an absolute target that names another',
    `GET https://other/a HTTP/1.1\r\nHost: service\r\n${END}`,
    400,
    'REQUEST_AMBIGUOUS',
  ],
  ['a target that reads as an authority', `GET //other/a HTTP/1.1\r\nHost: service\r\n${END}`, 200, '/other/a'],
  ['the target *', `OPTIONS * HTTP/1.1\r\nHost: service\r\n${END}`, 400, 'REQUEST_AMBIGUOUS'],
  ['CONNECT', 'CONNECT service:443 HTTP/1.1\r\nHost: service\r\n\r\n', 501, 'METHOD_UNIMPLEMENTED'],
  ['a path that hides a slash', `GET /a%2f..%2fb HTTP/1.1\r\nHost: service\r\n${END}`, 400, 'REQUEST_AMBIGUOUS'],
  ['dot segments', `GET /a/../b HTTP/1.1\r\nHost: service\r\n${END}`, 200, '/b'],
  ['a backslash', `GET /a\\..\\b HTTP/1.1\r\nHost: service\r\n${END}`, 400, 'REQUEST_AMBIGUOUS'],
  ['a fragment', `GET /a#b HTTP/1.1\r\nHost: service\r\n${END}`, 400, 'REQUEST_AMBIGUOUS'],
  ['a field name of eight bits', `${GET}X-\xe4: 1\r\n${END}`, 400, 'REQUEST_AMBIGUOUS'],
  ['an unknown method', `GOT / HTTP/1.1\r\nHost: service\r\n${END}`, 400, 'REQUEST_AMBIGUOUS'],
  ['HTTP/1.0 without host', 'GET / HTTP/1.0\r\n\r\n', 400, 'REQUEST_AMBIGUOUS'],
  ['HTTP/0.9', 'GET /\r\n\r\n', 400, 'REQUEST_AMBIGUOUS'],
  ['HTTP/9.9', `GET / HTTP/9.9\r\nHost: service\r\n${END}`, 400, 'REQUEST_AMBIGUOUS'],
  ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400, 'REQUEST_AMBIGUOUS'],
  [
    'an upgrade to HTTP/2',
    `${GET}Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings, close\r\nHTTP2-Settings: AAMAAABk\r\n\r\n`,
    200,
    '/',
  ],
  ['a TLS record within', '\x16\x03\x01\x00\xa5\x01\x00\x00', 400, 'REQUEST_AMBIGUOUS'],
  ['a header of 33 KiB', `${GET}X-A: ${'a'.repeat(33 * 1024)}\r\n\r\n`, 413, 'LIMIT_EXCEEDED'],
  ['a thousand fields', `${GET}${'a: b\r\n'.repeat(1000)}${END}`, 413, 'LIMIT_EXCEEDED'],
  ['an expectation', `${POST}Expect: 200-ok\r\nContent-Length: 0\r\n${END}`, 400, 'ARGUMENT_INVALID'],
  [
    'a trailer that names the user',
    `${POST}Transfer-Encoding: chunked\r\nTrailer: X-User-ID\r\n${END}0\r\nX-User-ID: root\r\n\r\n`,
    200,
    '/',
  ],
];

test('raw bytes: each attack gets one answer, and nothing that was smuggled is a request', () =>
  serving(async ({ raw, receipts }) => {
    for (const [what, bytes, status, said] of ATTACKS) {
      receipts.length = 0;
      const text = await raw(bytes);
      const statuses = [...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, one]) => Number(one));
      const code = /x-hauberk-code: (\w+)/.exec(text)?.[1];
      assert.deepEqual([statuses, code ?? /"path":"([^"]*)"/.exec(text)?.[1]], [[status], said], what);
      assert.equal(receipts[0]?.code, code ?? 'ALLOWED', what);
      assert.ok(!text.includes('root') && !text.includes('smuggled'), what);
    }
  }));

test('handshakes: a certificate, TLS 1.2 or later, HTTP/1.1, and no second handshake', () =>
  serving(async ({ raw, receipts }) => {
    const request = `${GET}${END}`;
    assert.match(await raw(request, { key: '', cert: '' }), /^HTTP\/1\.1 401 [\s\S]*PEER_CERTIFICATE_MISSING/);
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const)
      assert.match(await raw(request, { minVersion: version, maxVersion: version }), /^HTTP\/1\.1 200/);
    const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT:@SECLEVEL=0' } as const;
    assert.match(await raw(request, old), /^\[ERR_SSL_/);
    assert.match(await raw(request, { ALPNProtocols: ['h2'] }), /^\[ERR_SSL_/);
    assert.deepEqual(
      receipts.map(({ code }) => code),
      ['PEER_CERTIFICATE_MISSING', 'ALLOWED', 'ALLOWED'],
    );
  }));

test('attack: renegotiation, by which a connection would change who it is, is refused, after a rotation too', () =>
  serving(async ({ server, client, identity, clock, authority }) => {
    const { port } = Object(server.address());
    for (let rotations = 0; rotations < 2; rotations++) {
      const socket = connect({ port, rejectUnauthorized: false, maxVersion: 'TLSv1.2', ...client });
      await once(socket, 'secureConnect');
      const outcome = new Promise<unknown>((resolve) => {
        socket.on('error', resolve);
        socket.renegotiate({ rejectUnauthorized: false }, resolve);
      });
      assert.match(String(Object(await outcome).code), /^ERR_SSL_/);
      socket.destroy();
      identity.apply(message(clock, authority));
    }
  }));

test('plain HTTP at the port of TLS gets no answer', () =>
  serving(async ({ server, receipts }) => {
    const { port } = Object(server.address());
    const socket = connectPlain(port, '127.0.0.1', () => socket.write(`${GET}${END}`));
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
    });
    socket.on('error', () => undefined);
    await new Promise((resolve) => socket.once('close', resolve));
    assert.ok(!text.includes('HTTP/1.1'));
    assert.deepEqual(receipts, []);
  }));

test('slow bytes: a head or a body that does not come in time ends the connection, with a receipt', () =>
  serving(async ({ raw, server, receipts }) => {
    Object.assign(server, { headersTimeout: 100, requestTimeout: 200 });
    assert.match(await raw('GET / HTTP/1.1\r\nHost: ser'), /^HTTP\/1\.1 504 [\s\S]*DEADLINE_EXCEEDED/);
    assert.equal(receipts[0]?.code, 'DEADLINE_EXCEEDED');
    // A connection that never spoke is closed without a word.
    assert.equal(await raw(''), '');
    assert.equal(receipts.length, 1);
  }));
