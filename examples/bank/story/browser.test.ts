import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { after, before, test } from 'node:test';
import { Browser } from './browser.ts';
import { ask } from './http.ts';

let seen: { url: string; headers: string[]; body: string }[] = [];
let port = 0;
const server = createServer((request, response) => void answer(request, response));

before(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  port = typeof address === 'object' && address !== null ? address.port : 0;
});
after(() => server.close());

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  let body = '';
  for await (const chunk of request) body += String(chunk);
  const url = `${request.headers.host}${request.url}`;
  seen.push({ url, headers: request.rawHeaders, body });
  if (url.startsWith('shop.localhost') && request.url === '/in') {
    response.writeHead(302, {
      location: `http://login.localhost:${port}/page?response_type=code`,
      'set-cookie': 'state=s1; Path=/; HttpOnly',
    });
  } else if (request.url?.startsWith('/page') === true) {
    response.setHeader('content-type', 'text/html');
    response.write(
      `<form method="post" action="/submit?a=1&amp;b=2"><input type="hidden" name="csrf" value="&quot;x&quot;"><input name=login><input type='password' name='secret'></form>`,
    );
  } else if (request.method === 'POST') {
    response.writeHead(303, { location: `http://shop.localhost:${port}/done` });
  }
  response.end('done');
}

test('signs in through redirects and a form, and keeps cookies to the host that set them', async () => {
  seen = [];
  const browser = new Browser();
  const page = await browser.signIn(`http://shop.localhost:${port}/in`, { name: 'alice', password: 'p&w' });
  assert.equal(page.status, 200);
  assert.deepEqual(
    seen.map(({ url }) => url.replace(`:${port}`, '')),
    [
      'shop.localhost/in',
      'login.localhost/page?response_type=code',
      'login.localhost/submit?a=1&b=2',
      'shop.localhost/done',
    ],
  );
  assert.equal(seen[2]?.body, 'csrf=%22x%22&login=alice&secret=p%26w');
  const cookies = seen.map(({ headers }) => headers.includes('Cookie'));
  assert.deepEqual(cookies, [false, false, false, true]);
});

test('sends a header line twice when told so', async () => {
  seen = [];
  await ask(`http://shop.localhost:${port}/`, {
    headers: [
      ['Authorization', 'a'],
      ['Authorization', 'b'],
    ],
  });
  assert.equal(seen[0]?.headers.filter((word) => word === 'Authorization').length, 2);
});
