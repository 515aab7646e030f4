import type { Duplex } from 'node:stream';
import { Fault, type Random } from '#kernel';
import { type BackendPiece, BackendReader } from './backend-reader.ts';
import type { Credential } from './credentials.ts';
import type { DatabaseAddress } from './database-address.ts';
import { dialDatabase } from './dial-database.ts';
import { parseErrorFields } from './error-fields.ts';
import { CANCEL_REQUEST, cstring, int32, message, startupMessage } from './messages.ts';
import { ScramClient } from './scram.ts';
import { write } from './write.ts';

/** Types that the gate reads from the server; rows pass through. */
const READ = ['R', 'S', 'K', 'v', 'Z', 'C', 'T', 'E', 'N', 'G'];

/** A logged-in connection to the server. */
export interface Backend {
  readonly stream: Duplex;
  readonly reader: BackendReader;
  readonly pieces: AsyncGenerator<BackendPiece>;
  /** ParameterStatus messages, as they came. */
  readonly parameters: readonly Buffer[];
  readonly pid: number;
  readonly secret: number;
}

/** Logs in as the role itself, by SCRAM-SHA-256 and nothing else. Throws `DATABASE_UNAVAILABLE`, `DATABASE_CREDENTIAL_EXPIRED` or `DATABASE_ACCESS_DENIED`. */
export async function openBackend(
  address: DatabaseAddress,
  credential: Credential,
  parameters: ReadonlyMap<string, string>,
  random: Random,
): Promise<Backend> {
  const stream = await dialDatabase(address);
  try {
    const wanted = new Map([...parameters, ['user', credential.login], ['database', address.name]]);
    await write(stream, startupMessage(wanted));
    return await login(stream, new ScramClient(credential.password.reveal(), random));
  } catch (error) {
    stream.destroy();
    throw error;
  }
}

async function login(stream: Duplex, scram: ScramClient): Promise<Backend> {
  const reader = new BackendReader(READ);
  const pieces = readPieces(stream, reader);
  const parameters: Buffer[] = [];
  let key = { pid: 0, secret: 0 };
  let proven = false;
  for (;;) {
    const { value: piece, done } = await pieces.next();
    if (done === true || piece.kind !== 'message') throw unavailable('the database ended the login');
    if (piece.type === 'R') proven = (await authenticate(stream, scram, piece.body)) || proven;
    else if (piece.type === 'S') parameters.push(piece.bytes);
    else if (piece.type === 'K') key = { pid: piece.body.readUInt32BE(0), secret: piece.body.readUInt32BE(4) };
    else if (piece.type === 'E') throw loginRefused(piece.body);
    else if (piece.type === 'Z') break;
  }
  if (!proven) throw unavailable('the database did not prove that it knows the credential');
  return { stream, reader, pieces, parameters, ...key };
}

/** One step of AuthenticationSASL; true when the server has proven itself. */
async function authenticate(stream: Duplex, scram: ScramClient, body: Buffer): Promise<boolean> {
  const data = body.toString('utf8', 4);
  switch (body.readUInt32BE(0)) {
    case 0:
      return false;
    case 10: {
      if (!data.split('\0').includes('SCRAM-SHA-256')) throw unavailable('the database does not offer SCRAM-SHA-256');
      const first = Buffer.from(scram.first());
      await write(stream, message('p', Buffer.concat([cstring('SCRAM-SHA-256'), int32(first.length), first])));
      return false;
    }
    case 11:
      await write(stream, message('p', Buffer.from(scram.final(data))));
      return false;
    case 12:
      scram.verify(data);
      return true;
    default:
      throw unavailable('the database asks for another proof than SCRAM-SHA-256');
  }
}

async function* readPieces(stream: Duplex, reader: BackendReader): AsyncGenerator<BackendPiece> {
  for await (const chunk of stream) yield* reader.push(chunk);
}

function loginRefused(body: Buffer): Fault {
  const fields = parseErrorFields(body);
  const cause = Object.assign(new Error(`${fields.get('C')}: ${fields.get('M')}`), { code: fields.get('C') });
  if (fields.get('C') === '28P01') {
    return new Fault('DATABASE_CREDENTIAL_EXPIRED', 'the database no longer takes the credential', { cause });
  }
  return fields.get('C')?.startsWith('42') === true
    ? new Fault('DATABASE_ACCESS_DENIED', 'the role may not use this database', { cause })
    : new Fault('DATABASE_UNAVAILABLE', 'the database did not admit the gate', { cause });
}

/** Asks the server to cancel what a connection is doing (CancelRequest, on a connection of its own). */
export async function cancelBackend(address: DatabaseAddress, backend: Pick<Backend, 'pid' | 'secret'>): Promise<void> {
  const stream = await dialDatabase(address);
  stream.on('error', () => {});
  stream.end(Buffer.concat([int32(16), int32(CANCEL_REQUEST), int32(backend.pid), int32(backend.secret)]));
  stream.resume();
}

function unavailable(sentence: string, cause?: unknown): Fault {
  return new Fault('DATABASE_UNAVAILABLE', sentence, cause === undefined ? {} : { cause });
}
