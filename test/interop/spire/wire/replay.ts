// Recorded requests, sent again to a server whose ids are others: each answer teaches which of its ids stands for which.
import type { ClientHttp2Session } from 'node:http2';
import { rawCall } from './raw-call.ts';
import { methodOf, plain, type Recorded } from './recording.ts';

/** Ids that each server makes for itself. */
const IDS = new Set(['authorityId', 'x509svidSerialNumber', 'keyId', 'upstreamAuthoritySubjectKeyId']);
/** Other values that no two servers share: there, or not there. */
const OWN = new Set([...IDS, 'expiresAt', 'issuedAt', 'x509svidExpiresAt']);
/** Counted, or chosen, by each server as it likes. */
const FREE = new Set(['revisionNumber', 'sequenceNumber', 'createdAt', 'refreshHint', 'uptime']);
/** Given in any order. */
const LISTS = new Set(['entries', 'agents', 'bundles', 'federationRelationships']);
const byText = (a: unknown, b: unknown): number => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);
const UUID = /[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}/g;

export class Replay {
  readonly #session: ClientHttp2Session;
  /** Of the recording's values, what they are here. */
  readonly #here = new Map<string, string>();

  constructor(session: ClientHttp2Session) {
    this.#session = session;
  }

  /** Sends one recorded call; undefined where the answer is as recorded, and how it differs elsewhere. */
  async play({ method, requests, code, answers }: Recorded): Promise<string | undefined> {
    const { requestType, responseType } = methodOf(method);
    if (asksOn(requests.map((request) => requestType.decode(Buffer.from(request, 'base64'))))) return undefined;
    const sent = requests.map((request) => {
      const bytes = Buffer.from(request, 'base64');
      if (this.#here.size === 0) return bytes;
      return requestType.encode(this.#translated(requestType.decode(bytes))).finish();
    });
    const got = await rawCall(this.#session, method, sent);
    const here = got.answers.map((answer) => plain(responseType.decode(answer)));
    this.#learn(answers, here);
    const [expected, actual] = [
      { code, answers: shape(answers) },
      { code: got.code, answers: shape(here) },
    ];
    if (JSON.stringify(expected) === JSON.stringify(actual)) return undefined;
    return `${method}\nrecorded: ${JSON.stringify(expected)}\nhere:     ${JSON.stringify(actual)} ${got.message}`;
  }

  #learn(recorded: unknown, here: unknown, field = ''): void {
    if (typeof recorded === 'string' && typeof here === 'string') {
      const isId = IDS.has(field) || recorded.search(UUID) >= 0;
      if (isId && recorded !== here && recorded !== '') this.#here.set(recorded, here);
      return;
    }
    if (typeof recorded !== 'object' || typeof here !== 'object' || recorded === null || here === null) return;
    for (const [key, value] of Object.entries(recorded))
      if (key !== 'status' && key !== 'entries') this.#learn(value, Reflect.get(here, key), key);
  }

  #translated(value: unknown): unknown {
    if (typeof value === 'string') return this.#here.get(value) ?? value;
    if (Array.isArray(value)) return value.map((item) => this.#translated(item));
    if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
    return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, this.#translated(field)]));
  }
}

/** SPIRE gives a token with a last page that is full too, and an empty page after it; ours ends with the page. */
function asksOn(requests: readonly object[]): boolean {
  return requests.some((request) => Reflect.get(request, 'pageToken'));
}

/** What a client can rely on: fields, and values that are not each server's own; of a refusal its code. */
function shape(value: unknown): unknown {
  if (typeof value === 'string') return value.replace(UUID, '<uuid>');
  if (Array.isArray(value)) return value.map(shape);
  if (typeof value !== 'object' || value === null) return value;
  const named = Object.entries(value).filter(([name]) => name !== 'nextPageToken');
  const fields = named.map(([name, field]) => {
    // SPIRE tells the end of an authority only while it is in a slot.
    if (FREE.has(name) || (name === 'expiresAt' && 'authorityId' in value)) return [name, '<own>'];
    if (OWN.has(name)) return [name, field === '0' || field === '' ? field : '<own>'];
    if (name === 'status' && typeof field === 'object') return [name, Reflect.get(field ?? {}, 'code')];
    return [name, LISTS.has(name) && Array.isArray(field) ? field.map(shape).toSorted(byText) : shape(field)];
  });
  return Object.fromEntries(fields);
}
