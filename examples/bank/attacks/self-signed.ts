// A certificate that names any workload, made and signed by the attacker: DER by hand (RFC 5280 §4.1), so that no authority is asked.
import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';

const SEQUENCE = 0x30;
const ECDSA_WITH_SHA256 = object('2a8648ce3d040302');

export function selfSigned(spiffeId: string): { readonly cert: string; readonly key: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const body = der(
    SEQUENCE,
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, Buffer.from([1]), randomBytes(8)),
    der(SEQUENCE, ECDSA_WITH_SHA256),
    name('attacker'),
    der(SEQUENCE, time(Date.now() - 60_000), time(Date.now() + 3_600_000)),
    name('attacker'),
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, der(SEQUENCE, ...extensions(spiffeId))),
  );
  const signature = sign('sha256', body, privateKey);
  const certificate = der(SEQUENCE, body, der(SEQUENCE, ECDSA_WITH_SHA256), der(0x03, Buffer.from([0]), signature));
  return { cert: pem(certificate), key: pemKey(privateKey) };
}

/** Critical keyUsage digitalSignature; serverAuth and clientAuth; the SPIFFE ID as URI. */
function extensions(spiffeId: string): readonly Buffer[] {
  const critical = der(0x01, Buffer.from([0xff]));
  const usages = der(SEQUENCE, object('2b06010505070301'), object('2b06010505070302'));
  const names = der(SEQUENCE, der(0x86, Buffer.from(spiffeId)));
  return [
    der(SEQUENCE, object('551d0f'), critical, der(0x04, der(0x03, Buffer.from([7, 0x80])))),
    der(SEQUENCE, object('551d25'), der(0x04, usages)),
    der(SEQUENCE, object('551d11'), der(0x04, names)),
  ];
}

function name(text: string): Buffer {
  return der(SEQUENCE, der(0x31, der(SEQUENCE, object('550403'), der(0x0c, Buffer.from(text)))));
}

function time(millis: number): Buffer {
  // UTCTime, as RFC 5280 §4.1.2.5 asks for until 2049.
  return der(
    0x17,
    Buffer.from(
      `${new Date(millis)
        .toISOString()
        .slice(2)
        .replaceAll(/[-:T]|\..*/g, '')}Z`,
    ),
  );
}

function object(hex: string): Buffer {
  return der(0x06, Buffer.from(hex, 'hex'));
}

function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  const { length } = body;
  const head = length < 128 ? [tag, length] : [tag, 0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from(head), body]);
}

function pem(bytes: Buffer): string {
  return `-----BEGIN CERTIFICATE-----\n${bytes.toString('base64')}\n-----END CERTIFICATE-----\n`;
}

function pemKey(key: KeyObject): string {
  return String(key.export({ type: 'pkcs8', format: 'pem' }));
}
