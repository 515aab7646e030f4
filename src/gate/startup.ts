import { Fault } from '#kernel';
import { CANCEL_REQUEST, cstring, int32, message, PROTOCOL_3_0, readCstring } from './messages.ts';

/** The first message of a client. */
export type Startup =
  | { readonly kind: 'cancel'; readonly pid: number; readonly secret: number }
  | {
      readonly kind: 'start';
      readonly parameters: ReadonlyMap<string, string>;
      readonly database: string | undefined;
      /** What the client asked for beyond protocol 3.0, answered first. */
      readonly negotiation: Buffer | undefined;
    };

/** Settings that a client may choose when it connects. `options` and everything that could touch roles or contexts is not among them. */
const SETTINGS = new Set([
  'application_name',
  'client_encoding',
  'datestyle',
  'extra_float_digits',
  'idle_in_transaction_session_timeout',
  'intervalstyle',
  'lock_timeout',
  'statement_timeout',
  'timezone',
]);

/** Reads a startup message without its length. Throws `ARGUMENT_INVALID`. */
export function parseStartup(body: Buffer): Startup {
  const code = body.length >= 4 ? body.readUInt32BE(0) : 0;
  if (code === CANCEL_REQUEST && body.length === 12) {
    return { kind: 'cancel', pid: body.readUInt32BE(4), secret: body.readUInt32BE(8) };
  }
  if (code >>> 16 !== 3) throw new Fault('ARGUMENT_INVALID', 'only version 3 of the database protocol is spoken here');
  const all = readParameters(body);
  const unknown = [...all.keys()].filter((name) => name.startsWith('_pq_.'));
  const parameters = new Map<string, string>();
  for (const [name, value] of all) {
    if (name === 'user' || name === 'database' || name.startsWith('_pq_.')) continue;
    if (!SETTINGS.has(name.toLowerCase()))
      throw new Fault('ARGUMENT_INVALID', 'a setting of the connection is not allowed');
    parameters.set(name, value);
  }
  const database = all.get('database') ?? all.get('user');
  const beyond = code !== PROTOCOL_3_0 || unknown.length > 0;
  return { kind: 'start', parameters, database, negotiation: beyond ? negotiate(unknown) : undefined };
}

function readParameters(body: Buffer): ReadonlyMap<string, string> {
  const parameters = new Map<string, string>();
  let offset = 4;
  while (body[offset] !== 0) {
    const name = readCstring(body, offset);
    const value = name === undefined ? undefined : readCstring(body, name.next);
    if (name === undefined || value === undefined || parameters.has(name.text)) {
      throw new Fault('ARGUMENT_INVALID', 'the startup message cannot be read');
    }
    parameters.set(name.text, value.text);
    offset = value.next;
  }
  return parameters;
}

/** NegotiateProtocolVersion: 3.0 is the newest, and no option is known. */
function negotiate(unknown: readonly string[]): Buffer {
  return message('v', Buffer.concat([int32(PROTOCOL_3_0), int32(unknown.length), ...unknown.map(cstring)]));
}
