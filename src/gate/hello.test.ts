import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { createServer as createTlsServer } from 'node:tls';
import { faultCode } from '#kernel';
import { hello } from './hello.ts';
import { GSS_REQUEST, int32, SSL_REQUEST } from './messages.ts';
import { readStartup } from './read-startup.ts';

const MILLIS = 150;

async function withClient(receive: (socket: Socket) => void, run: (client: Socket) => Promise<void>): Promise<void> {
  const server = createServer(receive).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port }: AddressInfo = Object(server.address());
  const client = connect(port, '127.0.0.1');
  client.on('error', () => undefined).resume();
  try {
    await run(client);
  } finally {
    client.destroy();
    server.close();
  }
}

const asked = createTlsServer();
const ways = { asked, direct: asked, onPlain: () => {}, onCancel: () => {} };
const greet = (socket: Socket): void =>
  hello(
    socket.on('error', () => undefined),
    ways,
    MILLIS,
  );
const SSL = Buffer.concat([int32(8), int32(SSL_REQUEST)]);
const GSS = Buffer.concat([int32(8), int32(GSS_REQUEST)]);

async function dripped(client: Socket, bytes: Buffer): Promise<void> {
  let at = 0;
  const timer = setInterval(() => client.write(bytes.subarray(at, ++at)), 10);
  await once(client, 'close');
  clearInterval(timer);
}

test('attack: first words that come byte by byte, or never, end when their time is over', async () => {
  await withClient(greet, (client) => dripped(client, Buffer.from([0, 0, 0])));
  await withClient(greet, (client) => dripped(client, Buffer.alloc(0)));
});

test('attack: who asks for GSS encryption again and again is not answered for ever', () =>
  withClient(greet, async (client) => {
    client.write(GSS);
    await once(client, 'data');
    client.write(GSS);
    await once(client, 'close');
  }));

test('a client that asks for TLS in time, after GSS was refused, is handed over', () =>
  withClient(greet, async (client) => {
    client.write(GSS);
    assert.equal(String((await once(client, 'data'))[0]), 'N');
    client.write(SSL);
    assert.equal(String((await once(client, 'data'))[0]), 'S');
  }));

test('attack: a startup message that comes byte by byte is given up in time', async () => {
  const read = Promise.withResolvers<unknown>();
  const receive = (socket: Socket): void => {
    readStartup(socket, MILLIS)
      .then(read.resolve, (error) => read.resolve(faultCode(error)))
      .finally(() => socket.destroy());
  };
  await withClient(receive, async (client) => {
    await dripped(client, Buffer.concat([int32(5000), Buffer.alloc(4000)]));
    assert.equal(await read.promise, 'DEADLINE_EXCEEDED');
  });
});
