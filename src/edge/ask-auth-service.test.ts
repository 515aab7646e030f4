import assert from 'node:assert/strict';
import { createServer, type RequestListener } from 'node:http';
import { test } from 'node:test';
import { ask, type House, mapping, startHouse } from './edge.harness.ts';

/** An edge whose AuthService is `listener`, and what that was asked. */
async function withAuthService(
  listener: RequestListener,
  run: (house: House) => Promise<void>,
  spec: object = {},
): Promise<void> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const auth_service = `127.0.0.1:${Object(server.address()).port}`;
  const metadata = { name: 'auth', namespace: 'platform' };
  const fields = {
    allowed_request_headers: ['x-asked'],
    allowed_authorization_headers: ['x-user-id'],
    timeout_ms: 300,
  };
  const service = {
    apiVersion: 'getambassador.io/v3alpha1',
    kind: 'AuthService',
    metadata,
    spec: { auth_service, path_prefix: '/check', ...fields, ...spec },
  };
  const routes = [service, mapping('a', '/a/'), mapping('user', '/user/', { jwt: { requireToken: true } })];
  const house = await startHouse({ routes });
  try {
    await run(house);
  } finally {
    await house.close();
    server.closeAllConnections();
    server.close();
  }
}

test('200 allows: it is asked with the canonical path, and its fields, not the client’s, go on', async () => {
  const asked: { url: string | undefined; headers: Record<string, unknown> }[] = [];
  const listener: RequestListener = ({ url, headers }, response) => {
    asked.push({ url, headers });
    response.writeHead(200, { 'x-user-id': 'from-auth', 'x-other': 'x', 'set-cookie': 'a=b' }).end();
  };
  await withAuthService(listener, async (house) => {
    const headers = {
      'x-user-id': 'forged',
      'x-asked': '1',
      'x-hidden': '1',
      'x-forwarded-for': 'forged',
      authorization: 'Bearer x',
    };
    const answer = await ask(`http://${house.host}/a//b/../c?d`, { headers });
    assert.equal(answer.status, 200);
    assert.equal(asked[0]?.url, '/check/a/c?d');
    const { headers: told = {} } = asked[0] ?? {};
    assert.deepEqual(
      [told['x-asked'], told['x-hidden'], told['x-user-id'], told['x-forwarded-for']],
      ['1', undefined, undefined, '127.0.0.1'],
    );
    const { headers: seen = {} } = house.seen[0] ?? {};
    assert.deepEqual(
      [seen['x-user-id'], seen['x-other'], seen.authorization, seen['set-cookie']],
      ['from-auth', undefined, undefined, undefined],
    );
  });
});

test('200 without the field leaves no field of the client', async () => {
  await withAuthService(
    (_request, response) => void response.end(),
    async (house) => {
      await ask(`http://${house.host}/a/`, { headers: { 'x-user-id': 'forged', x_user_id: 'forged' } });
      assert.equal(house.seen[0]?.headers['x-user-id'], undefined);
      assert.equal(house.seen[0]?.headers.x_user_id, undefined);
    },
  );
});

for (const status of [201, 204, 302, 401, 403]) {
  test(`${status} is its own answer to the client, and a denial`, async () => {
    const listener: RequestListener = (_request, response) =>
      void response.writeHead(status, { location: '/elsewhere', 'x-secret': 'x' }).end();
    await withAuthService(listener, async (house) => {
      const answer = await ask(`http://${house.host}/a/`);
      assert.deepEqual(
        [answer.status, answer.headers.location, answer.headers['x-secret']],
        [status, '/elsewhere', undefined],
      );
      assert.equal(house.workload.receipts[0]?.code, 'AUTH_SERVICE_DENIED');
      assert.equal(house.seen.length, 0);
    });
  });
}

const FAILING: readonly (readonly [string, RequestListener])[] = [
  ['an error', (_request, response) => void response.writeHead(500).end()],
  ['a broken connection', (request) => void request.socket.destroy()],
  ['silence', () => {}],
  ['an endless answer', (_request, response) => void response.end('a'.repeat(2_000_000))],
];
for (const [what, listener] of FAILING) {
  test(`${what} of the AuthService is a denial with the status that the document says`, async () => {
    await withAuthService(
      listener,
      async (house) => {
        const answer = await ask(`http://${house.host}/a/`);
        assert.equal(answer.status, 503);
        assert.equal(JSON.parse(answer.body).code, 'AUTH_SERVICE_UNAVAILABLE');
        assert.equal(house.seen.length, 0);
      },
      { status_on_error: { code: 503 } },
    );
  });
}

test('a route that asks for a token needs a user all the same', async () => {
  await withAuthService(
    (_request, response) => void response.end(),
    async (house) => {
      const answer = await ask(`http://${house.host}/user/`);
      assert.equal(JSON.parse(answer.body).code, 'SESSION_MISSING');
    },
  );
});
