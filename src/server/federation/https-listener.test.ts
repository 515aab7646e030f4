// Raw bytes at a public endpoint: one reader of requests, and nothing that a body or a second reading could smuggle in.
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import { silentLog } from '#kernel';
import type { PublicRequest } from './answer.ts';
import { json } from './answer.ts';
import { listenHttps } from './https-listener.ts';

const GET = 'GET /a HTTP/1.1\r\nHost: a\r\n';
const POST = 'POST /a HTTP/1.1\r\nHost: a\r\n';
const SMUGGLED = 'GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n';
const END = 'Connection: close\r\n\r\n';

/** Bytes, and the statuses that they get. What is smuggled is never seen. */
const ATTACKS: readonly (readonly [string, string, readonly number[]])[] = [
  ['nothing odd', `${GET}${END}`, [200]],
  ['two requests, one after the other', `${GET}\r\n${GET}${END}`, [200, 200]],
  ['a body that holds a request', `${POST}Content-Length: ${SMUGGLED.length}\r\n\r\n${SMUGGLED}`, [200]],
  [
    'chunks that hold a request',
    `${POST}Transfer-Encoding: chunked\r\n\r\n${SMUGGLED.length.toString(16)}\r\n${SMUGGLED}\r\n0\r\n\r\n`,
    [200],
  ],
  ['a length and chunks', `${POST}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${SMUGGLED}`, [400]],
  ['chunks and a length', `${POST}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n${SMUGGLED}`, [400]],
  ['two lengths', `${POST}Content-Length: 0\r\nContent-Length: 40\r\n\r\n${SMUGGLED}`, [400]],
  ['two equal lengths', `${POST}Content-Length: 0\r\nContent-Length: 0\r\n\r\n${SMUGGLED}`, [400]],
  ['a length with a sign', `${POST}Content-Length: +0\r\n\r\n${SMUGGLED}`, [400]],
  ['a length that overflows', `${POST}Content-Length: 18446744073709551616\r\n\r\n${SMUGGLED}`, [400]],
  ['a coding that is not chunked at last', `${POST}Transfer-Encoding: chunked, gzip\r\n\r\n${SMUGGLED}`, [400]],
  [
    'an obscured coding, whose body ends with the connection',
    `${POST}Transfer-Encoding: xchunked\r\n\r\n${SMUGGLED}`,
    [200],
  ],
  ['a folded line', `${GET}X: a\r\n b\r\n${END}`, [400]],
  ['a coding in a folded line', `${POST}Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n${SMUGGLED}`, [400]],
  ['lines that end with LF alone', `GET /a HTTP/1.1\nHost: a\nConnection: close\n\n`, [400]],
  ['a CR alone', `GET /a HTTP/1.1\rHost: a\r\n\r\n`, [400]],
  ['a blank before the colon', `${GET}X : a\r\n${END}`, [400]],
  ['a NUL in a field', `${GET}X: a\0b\r\n${END}`, [400]],
  ['another host in an absolute target', `GET http://b/smuggled HTTP/1.1\r\nHost: a\r\n${END}`, [200]],
  ['no host', 'GET /a HTTP/1.1\r\nConnection: close\r\n\r\n', [400]],
  ['two hosts', `${GET}Host: b\r\n${END}`, [400]],
  ['HTTP/0.9', 'GET /a\r\n\r\n', [400]],
  ['HTTP/2 without TLS', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', [400]],
  ['a head beyond the limit', `${GET}X: ${'a'.repeat(9000)}\r\n${END}`, [431]],
  ['a target beyond the limit', `GET /${'a'.repeat(9000)} HTTP/1.1\r\nHost: a\r\n${END}`, [431]],
  ['CONNECT', `CONNECT b:443 HTTP/1.1\r\nHost: b\r\n\r\n`, []],
  ['an upgrade', `${GET}Connection: Upgrade, close\r\nUpgrade: h2c\r\n\r\n`, [200]],
  ['a chunk of a size that is none', `${POST}Transfer-Encoding: chunked\r\n\r\n-1\r\n${SMUGGLED}`, [200]],
];

for (const [name, bytes, expected] of ATTACKS)
  test(`attack: ${name}`, async () => {
    const seen: PublicRequest[] = [];
    const handle = (request: PublicRequest) => {
      seen.push(request);
      return json('{}');
    };
    const listener = await listenHttps({ host: '127.0.0.1', port: 0, handle, log: silentLog });
    try {
      const text = await raw(listener.port, bytes);
      const statuses = [...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => Number(status));
      assert.deepEqual(statuses, expected, text);
      assert.ok(seen.every(({ target }) => target !== '/smuggled'));
    } finally {
      await listener.close();
    }
  });

function raw(port: number, bytes: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes, 'latin1'));
    let text = '';
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      text += chunk;
    });
    socket.on('error', () => undefined);
    socket.once('close', () => resolve(text));
  });
}
