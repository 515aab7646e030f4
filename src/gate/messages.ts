/** Builders of PostgreSQL protocol 3.0 messages (PostgreSQL documentation, "Message Formats"). */
export function message(type: string, body: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(5);
  head.write(type, 0, 'latin1');
  head.writeUInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

export function cstring(text: string): Buffer {
  return Buffer.from(`${text}\0`, 'utf8');
}

export function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}

export const queryMessage = (sql: string): Buffer => message('Q', cstring(sql));
export const commandComplete = (tag: string): Buffer => message('C', cstring(tag));
export const readyForQuery = (status: string): Buffer => message('Z', Buffer.from(status, 'latin1'));
export const authenticationOk = (): Buffer => message('R', int32(0));
export const backendKeyData = (pid: number, secret: number): Buffer =>
  message('K', Buffer.concat([int32(pid), int32(secret)]));
export const terminate = (): Buffer => message('X');

/** Parse of a statement under the name that the client gave it, without parameter types. */
export const parseMessage = (name: string, sql: string): Buffer =>
  message('P', Buffer.concat([cstring(name), cstring(sql), Buffer.alloc(2)]));

/** Startup message of protocol 3.0: parameters as names and values. */
export function startupMessage(parameters: ReadonlyMap<string, string>): Buffer {
  const pairs = [...parameters].flatMap(([name, value]) => [cstring(name), cstring(value)]);
  const body = Buffer.concat([int32(PROTOCOL_3_0), ...pairs, Buffer.from([0])]);
  return Buffer.concat([int32(body.length + 4), body]);
}

export const PROTOCOL_3_0 = 196_608;
export const SSL_REQUEST = 80_877_103;
export const CANCEL_REQUEST = 80_877_102;
export const GSS_REQUEST = 80_877_104;

/** Reads the zero-terminated string at `offset`; undefined when none ends there. */
export function readCstring(
  bytes: Buffer,
  offset: number,
): { readonly text: string; readonly next: number } | undefined {
  const end = bytes.indexOf(0, offset);
  return end < 0 ? undefined : { text: bytes.toString('utf8', offset, end), next: end + 1 };
}
