import { isUtf8 } from 'node:buffer';
import { Fault, isFault } from './fault.ts';
import { LIMITS } from './limits.ts';

/** What `readJson` returns. `bigint` occurs only where it was asked for. */
export type JsonValue = null | boolean | number | bigint | string | readonly JsonValue[] | JsonObject;
export interface JsonObject {
  readonly [name: string]: JsonValue;
}

export interface JsonOptions {
  /** Whole numbers that a double cannot hold exactly become `bigint` instead of the nearest double. */
  readonly bigIntegers?: boolean;
}

/**
 * Reads JSON that can be read in one way only: UTF-8 without byte order mark, no member twice (after escapes are resolved; `JSON.parse`
 * keeps the last silently), no lone surrogate, no number beyond a double, nesting within `LIMITS.jsonDepth` (RFC 8259, RFC 7493).
 * The caller limits the size. Throws `JSON_INVALID`.
 */
export function readJson(input: Uint8Array | string, options: JsonOptions = {}): JsonValue {
  return new JsonReader(decode(input), options.bigIntegers === true).document();
}

/** True for an object of JSON, as opposed to an array or a scalar. */
export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function decode(input: Uint8Array | string): string {
  if (typeof input === 'string') return input;
  if (!isUtf8(input)) throw invalid('it is not UTF-8');
  return Buffer.from(input.buffer, input.byteOffset, input.byteLength).toString('utf8');
}

const BLANK = /[ \t\n\r]*/y;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const INTEGER_DIGITS = 40;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

class JsonReader {
  readonly #text: string;
  readonly #bigIntegers: boolean;
  #at = 0;

  constructor(text: string, bigIntegers: boolean) {
    this.#text = text;
    this.#bigIntegers = bigIntegers;
  }

  document(): JsonValue {
    const value = this.#value(0);
    this.#blank();
    if (this.#at !== this.#text.length) throw invalid('there is something after its end');
    return value;
  }

  #value(depth: number): JsonValue {
    if (depth > LIMITS.jsonDepth.value) throw invalid('it is nested too deeply');
    this.#blank();
    switch (this.#text[this.#at]) {
      case '{':
        return this.#object(depth);
      case '[':
        return this.#array(depth);
      case '"':
        return this.#string();
      case 't':
        return this.#word('true', true);
      case 'f':
        return this.#word('false', false);
      case 'n':
        return this.#word('null', null);
      default:
        return this.#number();
    }
  }

  #object(depth: number): JsonObject {
    const found = new Map<string, JsonValue>();
    this.#at++;
    if (this.#taken('}')) return {};
    do {
      this.#blank();
      const name = this.#string();
      if (found.has(name)) throw invalid('a member occurs twice');
      if (!this.#taken(':')) throw invalid('a member has no value');
      found.set(name, this.#value(depth + 1));
    } while (this.#taken(','));
    if (!this.#taken('}')) throw invalid('an object does not end');
    // `fromEntries` defines own properties, so that a member named __proto__ is a member like any other.
    return Object.fromEntries(found);
  }

  #array(depth: number): readonly JsonValue[] {
    const found: JsonValue[] = [];
    this.#at++;
    if (this.#taken(']')) return found;
    do found.push(this.#value(depth + 1));
    while (this.#taken(','));
    if (!this.#taken(']')) throw invalid('an array does not end');
    return found;
  }

  #string(): string {
    const start = this.#at;
    if (this.#text[start] !== '"') throw invalid('a string is expected');
    let escaped = false;
    for (let at = start + 1; at < this.#text.length; at++) {
      const unit = this.#text.charCodeAt(at);
      if (unit < 0x20) throw invalid('a string has a control character');
      if (unit === BACKSLASH) {
        escaped = true;
        at++;
      } else if (unit === QUOTE) {
        this.#at = at + 1;
        return escaped ? resolveEscapes(this.#text.slice(start, at + 1)) : wellFormed(this.#text.slice(start + 1, at));
      }
    }
    throw invalid('a string does not end');
  }

  #number(): number | bigint {
    const literal = this.#match(NUMBER);
    if (literal === undefined) throw invalid('a value is expected');
    const value = Number(literal);
    if (!Number.isFinite(value)) throw invalid('a number is too large');
    if (!this.#bigIntegers || Number.isSafeInteger(value) || !/^-?\d+$/.test(literal)) return value;
    if (literal.length > INTEGER_DIGITS) throw invalid('a number is too large');
    return BigInt(literal);
  }

  #word<T extends JsonValue>(word: string, value: T): T {
    if (!this.#text.startsWith(word, this.#at)) throw invalid('a value is expected');
    this.#at += word.length;
    return value;
  }

  #taken(mark: string): boolean {
    this.#blank();
    if (this.#text[this.#at] !== mark) return false;
    this.#at++;
    return true;
  }

  #blank(): void {
    this.#match(BLANK);
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found !== undefined) this.#at += found.length;
    return found;
  }
}

/** The escapes of RFC 8259 §7 and no others. */
function resolveEscapes(literal: string): string {
  try {
    return wellFormed(JSON.parse(literal));
  } catch (cause) {
    throw isFault(cause) ? cause : invalid('a string has an escape that is none', cause);
  }
}

function wellFormed(text: string): string {
  if (!text.isWellFormed()) throw invalid('a string has half of a surrogate pair');
  return text;
}

function invalid(rule: string, cause?: unknown): Fault {
  const message = `not JSON that can be read in one way only: ${rule}`;
  return new Fault('JSON_INVALID', message, cause === undefined ? {} : { cause });
}
