// What a refused caller may learn, looked at as an attacker would: a code, its fixed sentence and an id, and nothing else.
import { jsonOf } from './http.ts';

export interface Told {
  readonly status?: number;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string | readonly string[] | undefined>>;
}

const KEYS = ['code', 'id', 'message'];
const HEADERS = new Set([
  ...['content-type', 'content-length', 'cache-control', 'x-content-type-options', 'x-hauberk-code', 'x-request-id'],
  ...['date', 'connection', 'keep-alive', 'transfer-encoding'],
]);
/** Names of workloads, users, files, policies and tokens have these forms. */
const INSIDE =
  /spiffe:|\beyJ|\/(?:src|node_modules|home|root|tmp|run)\/|\.(?:ts|js|yaml|cedar)\b|#\d|\bat .+:\d+:\d+|bank[-_][ab]/i;

export function statusIs(answer: Told, status: number): readonly string[] {
  return answer.status === status ? [] : [`answered ${answer.status ?? 0}, not ${status}`];
}

/** Empty when body and headers say a code, a sentence and an id and nothing more. */
export function leaksNothing({ body = '', headers = {} }: Told): readonly string[] {
  const json = jsonOf(body);
  const { code, id } = json;
  const more = Object.keys(json).filter((key) => !KEYS.includes(key));
  const strange = Object.keys(headers).filter((name) => !HEADERS.has(name.toLowerCase()));
  const texts = [body, ...Object.values(headers).flat()].filter((text) => INSIDE.test(String(text)));
  return [
    ...(typeof code === 'string' && typeof id === 'string' && /^[0-9a-f]{32}$/.test(id) ? [] : ['no code and id']),
    ...(more.length === 0 ? [] : [`the answer says more than it should: ${more.join(', ')}`]),
    ...(strange.length === 0 ? [] : [`the answer has headers that it should not have: ${strange.join(', ')}`]),
    ...(texts.length === 0 ? [] : [`the answer tells of the inside: ${texts.join(' ')}`]),
    ...(headers['x-hauberk-code'] === code ? [] : ['code and header disagree']),
  ];
}

/** PostgreSQL's, and those of the SDK's faults. */
const ERROR_FIELDS = ['severity', 'code', 'message', 'detail', 'hint', 'details', 'kind'];

/** The same for an error of the database: PostgreSQL's own fields would tell of functions, tables and source files. */
export function databaseLeaksNothing({ fields = [], note = '' }: DatabaseTold): readonly string[] {
  const more = fields.filter((name) => !ERROR_FIELDS.includes(name));
  return [
    ...(more.length === 0 ? [] : [`the error says more than it should: ${more.join(', ')}`]),
    ...(INSIDE.test(note) ? [`the error tells of the inside: ${note}`] : []),
  ];
}

interface DatabaseTold {
  /** Names of the fields that an error came with. */
  readonly fields?: readonly string[];
  readonly note?: string;
}
