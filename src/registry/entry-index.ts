import type { EntryResource } from '#wire';
import type { AgentRecord } from './agent-record.ts';
import { isLive, isSameEntry, nodeParent } from './entry.ts';
import { MultiMap } from './multi-map.ts';

/** An entry and the revision that wrote it. */
export interface HeldEntry {
  readonly body: EntryResource;
  readonly revision: number;
}

/** The entries of one trust domain, found by what asks for them: a question costs what it finds, not what there is. */
export class EntryIndex {
  readonly #nodeParent: string;
  readonly #byId = new Map<string, HeldEntry>();
  readonly #byParent = new MultiMap<HeldEntry>();
  readonly #bySpiffeId = new MultiMap<HeldEntry>();
  readonly #bySelector = new MultiMap<HeldEntry>();

  constructor(trustDomain: string) {
    this.#nodeParent = nodeParent(trustDomain);
  }

  get size(): number {
    return this.#byId.size;
  }

  put(entry: HeldEntry): void {
    const held = this.#byId.get(entry.body.id);
    // In its place: a map whose keys come and go is built anew now and then, whole.
    this.#byId.set(entry.body.id, entry);
    if (held !== undefined) this.#unlink(held);
    this.#byParent.add(entry.body.parentId, entry);
    this.#bySpiffeId.add(entry.body.spiffeId, entry);
    for (const selector of entry.body.selectors) this.#bySelector.add(selector, entry);
  }

  remove(id: string): void {
    const held = this.#byId.get(id);
    if (held === undefined) return;
    this.#byId.delete(id);
    this.#unlink(held);
  }

  #unlink(held: HeldEntry): void {
    this.#byParent.remove(held.body.parentId, held);
    this.#bySpiffeId.remove(held.body.spiffeId, held);
    for (const selector of held.body.selectors) this.#bySelector.remove(selector, held);
  }

  find(id: string): HeldEntry | undefined {
    return this.#byId.get(id);
  }

  all(): Iterable<HeldEntry> {
    return this.#byId.values();
  }

  bySpiffeId(spiffeId: string): Iterable<HeldEntry> {
    return this.#bySpiffeId.get(spiffeId);
  }

  byParent(parentId: string): Iterable<HeldEntry> {
    return this.#byParent.get(parentId);
  }

  hasChildren(spiffeId: string): boolean {
    return this.#byParent.count(spiffeId) > 0;
  }

  bySelector(selector: string): Iterable<HeldEntry> {
    return this.#bySelector.get(selector);
  }

  /** How many entries ask for a selector: where to begin a search for several. */
  selectorCount(selector: string): number {
    return this.#bySelector.count(selector);
  }

  /** Another live entry that gives the same identity under the same parent for the same selectors. */
  findSame(entry: EntryResource, nowSeconds: number): EntryResource | undefined {
    for (const { body } of this.#bySpiffeId.get(entry.spiffeId))
      if (body.id !== entry.id && isSameEntry(body, entry) && isLive(body, nowSeconds)) return body;
    return undefined;
  }

  /** Ids under which an agent is known: its own, its alias, and those of the node entries whose selectors it has. */
  aliases(agent: AgentRecord, nowSeconds: number): readonly string[] {
    const selectors = new Set(agent.selectors);
    const asked = new Set(agent.selectors.flatMap((selector) => [...this.#bySelector.get(selector)]));
    const nodes = [...asked].filter(
      ({ body }) =>
        body.parentId === this.#nodeParent &&
        isLive(body, nowSeconds) &&
        body.selectors.every((selector) => selectors.has(selector)),
    );
    return [agent.id, ...(agent.alias === undefined ? [] : [agent.alias]), ...nodes.map(({ body }) => body.spiffeId)];
  }

  /** Live entries that an agent may serve: the descendants, by parent, of every id under which it is known. */
  ofAgent(agent: AgentRecord, nowSeconds: number): readonly HeldEntry[] {
    const known = new Set<string>();
    const found = new Set<HeldEntry>();
    const waiting = [...this.aliases(agent, nowSeconds)];
    for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
      if (known.has(id)) continue;
      known.add(id);
      for (const entry of this.#byParent.get(id)) {
        if (!isLive(entry.body, nowSeconds)) continue;
        found.add(entry);
        waiting.push(entry.body.spiffeId);
      }
    }
    return [...found];
  }

  /** A live entry, where the agent may serve it: looks up from the entry to the agent, and at nothing beside that way. */
  findOfAgent(agent: AgentRecord, id: string, nowSeconds: number): HeldEntry | undefined {
    const entry = this.#byId.get(id);
    if (entry === undefined || !isLive(entry.body, nowSeconds)) return undefined;
    const aliases = new Set(this.aliases(agent, nowSeconds));
    const seen = new Set<string>();
    const waiting = [entry.body.parentId];
    for (let parent = waiting.pop(); parent !== undefined; parent = waiting.pop()) {
      if (aliases.has(parent)) return entry;
      if (seen.has(parent)) continue;
      seen.add(parent);
      for (const { body } of this.#bySpiffeId.get(parent)) if (isLive(body, nowSeconds)) waiting.push(body.parentId);
    }
    return undefined;
  }
}
