import { Fault, LIMITS } from '#kernel';
import type { Resource, ResourceKey, ResourceUpdate } from './gen/hauberk_workload.ts';

/** An update that is not in parts. */
export type WholeUpdate = Omit<ResourceUpdate, 'more'>;

/** Small, so that a slow reader is seen to be alive between two of them, and a thousand readers that stand still are not sent much. */
const PART_BYTES = 128 * 1024;
/** Of a message, beside what it names, and of each that it names beside its texts: enough for tags, lengths and other fields. */
const MESSAGE_BYTES = 1024;
const NAMED_BYTES = 32;

const ADVICE = 'let several agents share its entries, or delete policies, services and revocations that nobody needs';

/**
 * The messages in which an update is sent, each made when it is asked for; one that fits a message is that message. Throws `LIMIT_EXCEEDED`
 * before the first, when the update or one resource of it is more than who reads it takes.
 */
export function* partsOf(update: WholeUpdate): Generator<ResourceUpdate, void, undefined> {
  assertReadable(update);
  const count = update.upserts.length + update.removals.length;
  let from = 0;
  let bytes = 0;
  for (let at = 0; at < count; at++) {
    const size = sizeAt(update, at);
    if (at > from && bytes + size > PART_BYTES) {
      yield cut(update, from, at);
      from = at;
      bytes = 0;
    }
    bytes += size;
  }
  yield cut(update, from, count);
}

/** Bytes of an update, or a little more. */
export function updateBytes({ upserts, removals }: WholeUpdate): number {
  const add = (sum: number, one: Resource | ResourceKey): number => sum + sizeOf(one);
  return removals.reduce(add, upserts.reduce(add, MESSAGE_BYTES));
}

/** Puts the parts of one stream's updates together again. */
export class UpdateAssembly {
  #parts: ResourceUpdate[] = [];
  #bytes = 0;

  /**
   * The whole update when its last part has come. Throws `ARGUMENT_INVALID` for a part of another update in between, `LIMIT_EXCEEDED` for more than
   * may be held: either ends the stream, and what came of the update is forgotten.
   */
  take(part: ResourceUpdate): WholeUpdate | undefined {
    const [first] = this.#parts;
    if (first === undefined && !part.more) return part;
    if (first !== undefined && !isOfSame(first, part)) throw this.#forget(mixed());
    this.#bytes += updateBytes(part);
    if (this.#bytes > LIMITS.updateBytes.value) throw this.#forget(tooLarge(part));
    this.#parts.push(part);
    return part.more ? undefined : this.#whole(part);
  }

  #whole({ trustDomain, revision, full }: ResourceUpdate): WholeUpdate {
    const parts = this.#parts;
    this.#parts = [];
    this.#bytes = 0;
    return {
      ...{ trustDomain, revision, full },
      upserts: parts.flatMap(({ upserts }) => upserts),
      removals: parts.flatMap(({ removals }) => removals),
    };
  }

  #forget(fault: Fault): Fault {
    this.#parts = [];
    this.#bytes = 0;
    return fault;
  }
}

function isOfSame(one: WholeUpdate, other: WholeUpdate): boolean {
  return one.trustDomain === other.trustDomain && one.revision === other.revision && one.full === other.full;
}

function assertReadable(update: WholeUpdate): void {
  if (updateBytes(update) > LIMITS.updateBytes.value) throw tooLarge(update);
  const most = LIMITS.grpcMessageBytes.value - MESSAGE_BYTES;
  const large = update.upserts.find((resource) => sizeOf(resource) > most);
  if (large !== undefined)
    throw new Fault('LIMIT_EXCEEDED', `${large.kind} ${large.key} of ${update.trustDomain} is larger than one message`);
}

/** Of the upserts, and then the removals, from one to before another. */
function cut(update: WholeUpdate, from: number, to: number): ResourceUpdate {
  const { upserts, removals } = update;
  const [first, last] = [from - upserts.length, to - upserts.length];
  return {
    ...update,
    upserts: upserts.slice(from, to),
    removals: removals.slice(Math.max(first, 0), Math.max(last, 0)),
    more: last < removals.length,
  };
}

function sizeAt({ upserts, removals }: WholeUpdate, at: number): number {
  const named = upserts[at] ?? removals[at - upserts.length];
  return named === undefined ? 0 : sizeOf(named);
}

function sizeOf(named: Resource | ResourceKey): number {
  const body = 'bodyJson' in named ? Buffer.byteLength(named.bodyJson) : 0;
  return NAMED_BYTES + Buffer.byteLength(named.kind) + Buffer.byteLength(named.key) + body;
}

function mixed(): Fault {
  return new Fault('ARGUMENT_INVALID', 'parts of two updates came mixed');
}

function tooLarge({ trustDomain }: WholeUpdate): Fault {
  const limit = `${LIMITS.updateBytes.value / (1024 * 1024)} MiB`;
  return new Fault('LIMIT_EXCEEDED', `an update of trust domain ${trustDomain} is larger than ${limit}: ${ADVICE}`);
}
