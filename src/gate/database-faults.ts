import { Fault } from '#kernel';
import { type DatabaseAddress, placeOf } from './database-address.ts';

/** What PostgreSQL and the network say when the gate itself cannot come in, each in one sentence without the password. */
export function connectFault(cause: unknown, address: DatabaseAddress): Fault {
  const { code, message } = Object(cause) as Partial<Record<string, unknown>>;
  const name = typeof code === 'string' ? code : '';
  const sentence = sentenceOf(name, String(message ?? ''), address);
  const wrong = sentence === undefined ? 'DATABASE_UNAVAILABLE' : 'CONFIG_INVALID';
  return new Fault(wrong, sentence ?? `the database at ${placeOf(address)} cannot be reached`, { cause });
}

/** Undefined for what may heal by itself. */
function sentenceOf(code: string, message: string, address: DatabaseAddress): string | undefined {
  const place = placeOf(address);
  if (code === '28P01' || /password must be a (?:non-empty )?string/.test(message))
    return `the database at ${place} does not take the password of "${address.user}"`;
  if (code === '28000') return `pg_hba.conf of the database at ${place} does not admit "${address.user}"`;
  if (code === '3D000') return `the database "${address.name}" is missing at ${place}`;
  if (code === 'ENOTFOUND') return `the host of the database, ${place}, has no address`;
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return `the certificate of the database does not name the host of ${place}`;
  if (/^(?:CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_)/.test(code))
    return `the certificate of the database at ${place} is of no trusted authority: name its authority with sslrootcert`;
  if (message.includes('does not support SSL connections'))
    return `the database at ${place} does not speak TLS, and sslmode asks for it`;
  return undefined;
}
