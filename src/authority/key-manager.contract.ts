import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import { Fault } from '#kernel';
import type { KeyManager } from './key-manager.ts';
import { KEY_TYPES, KEY_USE, type KeyType } from './key-type.ts';

/** What every `KeyManager` must do; throws `INTERNAL_ERROR` naming the first rule that does not hold. Run by each implementation's tests. */
export async function keyManagerContract(
  make: () => Promise<KeyManager>,
  types: readonly KeyType[] = KEY_TYPES,
): Promise<void> {
  const manager = await make();
  const data = Buffer.from('signed part');
  for (const type of types) {
    const spki = await manager.generate(`one-${type}`, type);
    holds((await manager.find(`one-${type}`))?.equals(spki) === true, 'a generated key is found');
    const key = createPublicKey({ key: spki, format: 'der', type: 'spki' });
    holds(typeOf(key) === type, 'a key is of the type that was asked for');
    const signature = await manager.sign(`one-${type}`, data);
    holds(verify(KEY_USE[type].hash, data, key, signature), 'a signature verifies with the public key');
    holds(!verify(KEY_USE[type].hash, Buffer.from('other'), key, signature), 'a signature is of its data');
  }
  holds((await manager.find('two')) === undefined, 'an unknown key is not found');
  const first = await manager.generate('one', 'ec-p256');
  holds(!(await manager.generate('three', 'ec-p256')).equals(first), 'two keys differ');
  holds(await refuses(() => manager.generate('one', 'ec-p256'), 'ALREADY_EXISTS'), 'a name in use is refused');
  holds((await manager.find('one'))?.equals(first) === true, 'a refused name keeps its key');
  await manager.delete('one');
  await manager.delete('one');
  holds((await manager.find('one')) === undefined, 'a deleted key is gone');
  holds(await refuses(async () => manager.sign('one', data), 'NOT_FOUND'), 'a deleted key does not sign');
}

function typeOf(key: KeyObject): string {
  const { namedCurve, modulusLength } = key.asymmetricKeyDetails ?? {};
  if (namedCurve === 'prime256v1') return 'ec-p256';
  return namedCurve === 'secp384r1' ? 'ec-p384' : `rsa-${modulusLength}`;
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
