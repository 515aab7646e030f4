import assert from 'node:assert/strict';
import { test } from 'node:test';
import { faultCode, ManualClock } from '#kernel';
import { DEFAULT_RATE_LIMITS, RateLimiter } from './rate-limiter.ts';

const never = new AbortController().signal;
const limited = (error: unknown) => faultCode(error) === 'RATE_LIMITED';

test('a batch as large as the burst passes, one larger is refused whole', async () => {
  const limiter = new RateLimiter(DEFAULT_RATE_LIMITS, new ManualClock());
  await assert.rejects(limiter.take('x509', '10.0.0.1', 501, never), limited);
  await limiter.take('x509', '10.0.0.1', 500, never);
});

test('a caller waits for its turn, in order, and is let through when it comes', async () => {
  const clock = new ManualClock();
  const limiter = new RateLimiter(DEFAULT_RATE_LIMITS, clock);
  const done: string[] = [];
  await limiter.take('attestation', '10.0.0.1', 1, never);
  const second = limiter.take('attestation', '10.0.0.1', 1, never).then(() => done.push('second'));
  const third = limiter.take('attestation', '10.0.0.1', 1, never).then(() => done.push('third'));
  clock.advance(999);
  await Promise.resolve();
  assert.deepEqual(done, []);
  clock.advance(1);
  await second;
  assert.deepEqual(done, ['second']);
  clock.advance(1000);
  await third;
});

test('addresses, limits and trust in 0 are apart', async () => {
  const limiter = new RateLimiter({ ...DEFAULT_RATE_LIMITS, renewal: 0 }, new ManualClock());
  await limiter.take('attestation', '10.0.0.1', 1, never);
  await limiter.take('attestation', '10.0.0.2', 1, never);
  await limiter.take('x509', '10.0.0.1', 500, never);
  await limiter.take('jwt', '10.0.0.1', 500, never);
  for (let n = 0; n < 3; n++) await limiter.take('renewal', '10.0.0.1', 1000, never);
});

test('a flood is refused at once rather than queued without end', async () => {
  const clock = new ManualClock();
  const limiter = new RateLimiter(DEFAULT_RATE_LIMITS, clock);
  const waiting = Array.from({ length: 11 }, () => limiter.take('attestation', '10.0.0.1', 1, never));
  await assert.rejects(limiter.take('attestation', '10.0.0.1', 1, never), limited);
  clock.advance(10_000);
  await Promise.all(waiting);
});

test('who leaves while waiting is told so, and its timer goes with it', async () => {
  const limiter = new RateLimiter(DEFAULT_RATE_LIMITS, new ManualClock());
  await limiter.take('attestation', '10.0.0.1', 1, never);
  const leaving = new AbortController();
  const waiting = limiter.take('attestation', '10.0.0.1', 1, leaving.signal);
  leaving.abort();
  await assert.rejects(waiting, (error) => faultCode(error) === 'DEADLINE_EXCEEDED');
});
