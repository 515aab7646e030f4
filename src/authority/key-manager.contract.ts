import { createPublicKey, verify } from 'node:crypto';
import { Fault } from '#kernel';
import type { KeyManager } from './key-manager.ts';

/** What every `KeyManager` must do; throws `INTERNAL_ERROR` naming the first rule that does not hold. Run by each implementation's tests. */
export async function keyManagerContract(make: () => Promise<KeyManager>): Promise<void> {
  const manager = await make();
  const data = Buffer.from('signed part');
  const spki = await manager.generate('one');
  holds((await manager.find('one'))?.equals(spki) === true, 'a generated key is found');
  holds((await manager.find('two')) === undefined, 'an unknown key is not found');
  const key = createPublicKey({ key: spki, format: 'der', type: 'spki' });
  holds(key.asymmetricKeyDetails?.namedCurve === 'prime256v1', 'keys are P-256');
  holds(verify('sha256', data, key, await manager.sign('one', data)), 'a signature verifies with the public key');
  holds(!(await manager.generate('three')).equals(spki), 'two keys differ');
  holds(await refuses(() => manager.generate('one'), 'ALREADY_EXISTS'), 'a name in use is refused');
  await manager.delete('one');
  await manager.delete('one');
  holds((await manager.find('one')) === undefined, 'a deleted key is gone');
  holds(await refuses(() => manager.sign('one', data), 'NOT_FOUND'), 'a deleted key does not sign');
}

function holds(condition: boolean, rule: string): void {
  if (!condition) throw new Fault('INTERNAL_ERROR', `contract broken: ${rule}`);
}

async function refuses(call: () => Promise<unknown>, code: string): Promise<boolean> {
  try {
    await call();
    return false;
  } catch (error) {
    return error instanceof Fault && error.code === code;
  }
}
