import { cstring, message, readCstring } from './messages.ts';

/** Fields of an ErrorResponse or NoticeResponse, by their one-letter names. */
export type ErrorFields = ReadonlyMap<string, string>;

export function parseErrorFields(body: Buffer): ErrorFields {
  const fields = new Map<string, string>();
  let offset = 0;
  while (offset < body.length && body[offset] !== 0) {
    const name = String.fromCharCode(body[offset] ?? 0);
    const value = readCstring(body, offset + 1);
    if (value === undefined) break;
    fields.set(name, value.text);
    offset = value.next;
  }
  return fields;
}

export interface Told {
  readonly severity: 'ERROR' | 'FATAL' | 'NOTICE';
  readonly sqlState: string;
  readonly code: string;
  readonly sentence: string;
  readonly id: string;
}

/** What a client is told: `CODE: sentence`, and the id of the receipt as detail. */
export function errorResponse(told: Told): Buffer {
  const fields = [
    ['S', told.severity],
    ['V', told.severity],
    ['C', told.sqlState],
    ['M', `${told.code}: ${told.sentence}`],
    ['D', `id ${told.id}`],
    ['H', `hauberk why ${told.id}`],
  ] as const;
  const body = fields.flatMap(([name, value]) => [Buffer.from(name, 'latin1'), cstring(value)]);
  return message(told.severity === 'NOTICE' ? 'N' : 'E', Buffer.concat([...body, Buffer.from([0])]));
}
