import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock, systemRandom } from '#kernel';
import { findCookie, foreignCookies, parseCookies } from './cookies.ts';
import { mapUser } from './identity-rules.ts';
import { LoginAttempts } from './login-attempts.ts';
import { Sessions } from './sessions.ts';

const RULES = [
  { when: { claim: 'tenant', equals: 'bank-a' }, spiffeId: 'spiffe://bank-a/user/{user_id}', tenant: 'bank-a' },
];
const user = mapUser(RULES, { tenant: 'bank-a', user_id: '1' }, []);
const newSessions = (clock: ManualClock, limit = 2) =>
  new Sessions({ clock, random: systemRandom, lifetimeSeconds: 100, idleSeconds: 10, limit });

test('a session ends when it is idle and when its lifetime is over, to the millisecond', () => {
  const clock = new ManualClock();
  const sessions = newSessions(clock);
  const { cookie } = sessions.create(user);
  for (let used = 0; used < 10; used++) {
    clock.advance(9999);
    assert.ok(sessions.find(cookie));
  }
  clock.advance(10);
  assert.throws(() => sessions.find(cookie), { code: 'SESSION_EXPIRED' });
  assert.equal(sessions.find(cookie), undefined);
  const idle = sessions.create(user).cookie;
  clock.advance(10_000);
  assert.throws(() => sessions.find(idle), { code: 'SESSION_EXPIRED' });
});

test('sessions are bounded; ended ones make room', () => {
  const clock = new ManualClock();
  const sessions = newSessions(clock);
  sessions.create(user);
  sessions.create(user);
  assert.throws(() => sessions.create(user), { code: 'LIMIT_EXCEEDED' });
  clock.advance(10_000);
  sessions.create(user);
});

const newAttempts = (clock: ManualClock, limit = 10) =>
  new LoginAttempts({ clock, random: systemRandom, limit, perBrowser: 5, lifetimeSeconds: 600 });
const attempt = { verifier: 'v', nonce: 'n', redirectUri: 'r', returnTo: '/' };

test('five sign-ins of one browser are live at once, the oldest gives way', () => {
  const attempts = newAttempts(new ManualClock());
  const begun = [attempts.begin(attempt, [])];
  while (begun.length < 6)
    begun.push(
      attempts.begin(
        attempt,
        begun.map(({ cookie }) => cookie),
      ),
    );
  const cookies = begun.map(({ cookie }) => cookie);
  assert.deepEqual(begun[5]?.dropped, [cookies[0]?.name]);
  assert.throws(() => attempts.take(begun[0]?.state ?? '', cookies), { code: 'LOGIN_STATE_MISMATCH' });
  for (const { state } of begun.slice(1)) attempts.take(state, cookies);
});

test('a sign-in is over at ten minutes, and a sixth of another browser does not end it', () => {
  const clock = new ManualClock();
  const attempts = newAttempts(clock);
  const first = attempts.begin(attempt, []);
  const second = attempts.begin(attempt, [{ name: first.cookie.name, value: 'guessed' }]);
  clock.advance(599_999);
  attempts.take(first.state, [first.cookie]);
  clock.advance(1);
  assert.throws(() => attempts.take(second.state, [second.cookie]), { code: 'LOGIN_STATE_MISMATCH' });
});

test('sign-ins are bounded in all', () => {
  const attempts = newAttempts(new ManualClock(), 1);
  attempts.begin(attempt, []);
  assert.throws(() => attempts.begin(attempt, []), { code: 'RATE_LIMITED' });
});

for (const id of [
  '',
  '.',
  '..',
  '../admin',
  'a/b',
  'a%2fb',
  'a b',
  'é',
  'a\u0000',
  'x'.repeat(129),
  1.5,
  true,
  null,
  ['1'],
  undefined,
])
  test(`the id ${JSON.stringify(id)?.slice(0, 20)} makes no identity`, () => {
    assert.throws(() => mapUser(RULES, { tenant: 'bank-a', user_id: id }, []), { code: 'LOGIN_USER_UNKNOWN' });
  });

test('no rule, another trust domain than the tenant, or an unverified address is no identity', () => {
  const unknown = { code: 'LOGIN_USER_UNKNOWN' };
  assert.throws(() => mapUser(RULES, { tenant: 'bank-A', user_id: '1' }, []), unknown);
  assert.throws(() => mapUser(RULES, { user_id: '1' }, []), unknown);
  const crossed = [{ when: { claim: 't', equals: '1' }, spiffeId: 'spiffe://bank-b/user/1', tenant: 'bank-a' }];
  assert.throws(() => mapUser(crossed, { t: '1' }, []), unknown);
  const mail = [{ when: { claim: 'email', equals: 'a@b' }, spiffeId: 'spiffe://bank-a/user/1', tenant: 'bank-a' }];
  assert.throws(() => mapUser(mail, { email: 'a@b' }, []), unknown);
  assert.throws(() => mapUser(mail, { email: 'a@b', email_verified: 'true' }, []), unknown);
  assert.equal(mapUser(mail, { email: 'a@b', email_verified: true }, []).email, 'a@b');
});

test('cookies of one name in any case are doubled; ours never go on', () => {
  const cookies = parseCookies(['a=1; __Host-hauberk=x', ' __HOST-hauberk-login-1=y;; flag']);
  assert.equal(findCookie(cookies, '__Host-hauberk'), 'x');
  assert.equal(foreignCookies(cookies), 'a=1; flag');
  const doubled = parseCookies(['__Host-hauberk=x; __host-hauberk=y']);
  assert.throws(() => findCookie(doubled, '__Host-hauberk'), { code: 'REQUEST_CREDENTIALS_DOUBLED' });
});
