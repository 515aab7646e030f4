import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault, faultCode } from '#kernel';
import type { KeyManager } from './key-manager.ts';
import { ObservedKeyManager } from './observed-key-manager.ts';

const signature = Buffer.from('signature');

function observed(sign: KeyManager['sign']): ObservedKeyManager {
  return new ObservedKeyManager({
    signsHere: true,
    sign,
    generate: async () => Buffer.alloc(0),
    find: async () => undefined,
    delete: async () => undefined,
  });
}

const away = (): never => {
  throw new Fault('KEY_SERVICE_UNAVAILABLE', 'away');
};

for (const [kind, well, ill] of [
  ['a key manager of this process', () => signature, away],
  ['a remote key manager', async () => signature, async () => away()],
] as const)
  test(`${kind} that does not sign is in trouble until it signs again, and its fault is the caller’s`, async () => {
    let sign: KeyManager['sign'] = well;
    const keys = observed((...words) => sign(...words));
    const trouble = () => keys.fault?.code;
    assert.equal(await keys.sign('a', Buffer.alloc(1)), signature);
    assert.equal(trouble(), undefined);
    sign = ill;
    await assert.rejects(
      async () => keys.sign('a', Buffer.alloc(1)),
      (error) => faultCode(error) === 'KEY_SERVICE_UNAVAILABLE',
    );
    assert.equal(trouble(), 'KEY_SERVICE_UNAVAILABLE');
    sign = well;
    await keys.sign('a', Buffer.alloc(1));
    assert.equal(trouble(), undefined);
  });

test('what is signed at once is answered at once', () => {
  assert.equal(observed(() => signature).sign('a', Buffer.alloc(1)), signature);
});
