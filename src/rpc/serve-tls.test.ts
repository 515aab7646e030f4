import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { test } from 'node:test';
import { connect, createSecureContext, type TLSSocket } from 'node:tls';
import { faultCode, silentLog } from '#kernel';
import { peerChain } from '#wire';
import { SupervisorDefinition } from '#wire/gen/hauberk_agent';
import { forge } from '../../test/forge/certificate.ts';
import { bindService, createClient, dialTls, serveTls, type TlsIdentity, type TlsServer } from './index.ts';

interface Caller {
  readonly chain: readonly Buffer[];
}

const pem = (label: string, der: Buffer): string =>
  `-----BEGIN ${label}-----\n${der.toString('base64')}\n-----END ${label}-----\n`;
const identityOf = (uri: string) => {
  const { der, key } = forge({ uris: [uri], notAfter: Date.now() + 60_000 });
  return { cert: pem('CERTIFICATE', der), key: key.export({ type: 'pkcs8', format: 'pem' }), der };
};
const SERVER = identityOf('spiffe://bank-a/spire/server');
const AGENT = identityOf('spiffe://bank-a/spire/agent/x');

const service = bindService<typeof SupervisorDefinition, Caller>(SupervisorDefinition, {
  register: async (_request, { caller }) => ({ sessionId: caller.chain.length }),
  deregister: async () => ({}),
  status: async () => ({ healthy: true, trustDomains: [], enforcementPoints: [] }),
  provideJoinToken: async () => ({}),
  explain: async (_request, { caller }) => ({
    selectors: caller.chain.map((der) => der.toString('base64')),
    matching: [],
    nearest: [],
  }),
});

const serve = (port = 0, more: { readonly pingMillis?: number } = {}): Promise<TlsServer> =>
  serveTls<Caller>({
    host: '127.0.0.1',
    port,
    ...more,
    log: silentLog,
    secureContext: (name) =>
      name === 'bank-a' ? createSecureContext({ cert: SERVER.cert, key: SERVER.key }) : undefined,
    identify: (socket) => ({ chain: peerChain(socket) }),
    isKnown: ({ chain }) => chain.length > 0,
    services: [service],
  });

async function withServer(run: (server: TlsServer) => Promise<void>): Promise<void> {
  const server = await serve();
  try {
    await run(server);
  } finally {
    await server.close();
  }
}

const dial = (server: TlsServer, identity?: typeof AGENT, servername = 'bank-a') => ({
  dial: () =>
    dialTls({
      host: server.host,
      port: server.port,
      servername,
      verify: ([leaf]) => assert.ok(leaf?.equals(SERVER.der)),
      ...(identity === undefined ? {} : { identity }),
    }),
});

test('a client certificate is asked for and not required: a caller without one is a caller without chain', () =>
  withServer(async (server) => {
    const client = createClient(SupervisorDefinition, dial(server));
    assert.equal((await client.register({ pid: 1, service: 'x' })).sessionId, 0);
    await client.close();
  }));

test('a caller is who it was at its own handshake, whatever other connections prove', () =>
  withServer(async (server) => {
    const anonymous = createClient(SupervisorDefinition, dial(server));
    const agent = createClient(SupervisorDefinition, dial(server, AGENT));
    assert.deepEqual((await agent.explain({ pid: 1 })).selectors, [AGENT.der.toString('base64')]);
    assert.deepEqual((await anonymous.explain({ pid: 1 })).selectors, []);
    await Promise.all([anonymous.close(), agent.close()]);
  }));

test('a name that is not served is refused in the handshake, and so is no name', () =>
  withServer(async (server) => {
    for (const servername of ['bank-b', '']) {
      const client = createClient(SupervisorDefinition, dial(server, AGENT, servername));
      await assert.rejects(client.status({}), (error) => faultCode(error) === 'UPSTREAM_UNAVAILABLE');
      await client.close();
    }
  }));

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  test(`attack: a session of ${version} that was kept is not resumed, so that nobody skips the proof of who it is`, () =>
    withServer(async (server) => {
      const options = {
        host: server.host,
        port: server.port,
        servername: 'bank-a',
        ALPNProtocols: ['h2'],
        rejectUnauthorized: false,
        minVersion: version,
        maxVersion: version,
      };
      const first = connect({ ...options, cert: AGENT.cert, key: AGENT.key });
      const sessions: Buffer[] = [];
      first.on('session', (session) => sessions.push(session));
      await once(first, 'secureConnect');
      // The server's first bytes (HTTP/2 settings) come after its tickets, if it sends any.
      await once(first, 'data');
      const kept = sessions[0] ?? first.getSession();
      first.destroy();
      assert.ok(kept !== undefined);
      const second: TLSSocket = connect({ ...options, session: kept });
      await once(second, 'secureConnect');
      assert.equal(second.isSessionReused(), false);
      second.destroy();
    }));
}

for (const version of ['TLSv1.2', 'TLSv1.3'] as const)
  test(`one identity for all: ${version} with and without a name, a renewed one from the next connection on, no session kept`, async () => {
    let presented: TlsIdentity | undefined = SERVER;
    const server = await serveTls<Caller>({
      host: '127.0.0.1',
      port: 0,
      log: silentLog,
      identity: () => presented,
      identify: (socket) => ({ chain: peerChain(socket) }),
      isKnown: ({ chain }) => chain.length > 0,
      services: [service],
    });
    const handshake = async (more: object): Promise<TLSSocket> => {
      const { host, port } = server;
      const bounds = { minVersion: version, maxVersion: version };
      const socket = connect({ host, port, ALPNProtocols: ['h2'], rejectUnauthorized: false, ...bounds, ...more });
      await once(socket, 'secureConnect');
      return socket;
    };
    try {
      const nameless = await handshake({});
      const [sessions, named] = [[] as Buffer[], await handshake({ servername: 'localhost' })];
      nameless.on('session', (session) => sessions.push(session));
      for (const socket of [nameless, named]) assert.ok(socket.getPeerCertificate().raw.equals(SERVER.der));
      const resumed = await handshake({ session: sessions[0] ?? nameless.getSession() });
      assert.equal(resumed.isSessionReused(), false);
      presented = AGENT;
      const renewed = await handshake({});
      assert.ok(renewed.getPeerCertificate().raw.equals(AGENT.der));
      for (const socket of [nameless, named, resumed, renewed]) socket.destroy();
      presented = undefined;
      await assert.rejects(handshake({}));
    } finally {
      await server.close();
    }
  });

test('attack: renegotiation, which costs the server a signature and would change who the caller is, is refused', () =>
  withServer(async ({ host, port }) => {
    const options = { host, port, servername: 'bank-a', ALPNProtocols: ['h2'], rejectUnauthorized: false };
    const socket = connect({ ...options, maxVersion: 'TLSv1.2', cert: AGENT.cert, key: AGENT.key });
    await once(socket, 'secureConnect');
    const outcome = new Promise<unknown>((resolve) => {
      for (const event of ['error', 'close']) socket.on(event, () => resolve(event));
      socket.resume();
      socket.renegotiate({ rejectUnauthorized: false }, resolve);
    });
    assert.match(String(await outcome), /^(error|close)$/);
    socket.destroy();
  }));

test('an occupied port is named', () =>
  withServer(async (server) => {
    await assert.rejects(serve(server.port), (error) => {
      assert.ok(`${error}`.includes(`${server.host}:${server.port}`));
      return faultCode(error) === 'PORT_OCCUPIED';
    });
  }));

test('a peer that answers no ping is ended; one that does is left alone', async () => {
  const server = await serve(0, { pingMillis: 20 });
  const { dial: open } = dial(server, AGENT);
  const silent = await open();
  const talking = await open();
  const answering = connectHttp2('http://localhost', { createConnection: () => talking });
  try {
    const pinged = once(answering, 'ping');
    // Past the handshake it reads, and says nothing.
    silent.resume();
    await once(silent, 'close');
    await pinged;
    await once(answering, 'ping');
    assert.equal(talking.destroyed, false);
  } finally {
    answering.destroy();
    await server.close();
  }
});
