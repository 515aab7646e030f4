import { isDeepStrictEqual } from 'node:util';
import { type Converted, checkDocument, findNearest, type Problem, toResource } from '#config';
import { Fault, isFault, LIMITS } from '#kernel';
import { compileCedar, findReachProblem } from '#policy';
import { parseEntry, type ResourceChange } from '#registry';
import type { TrustDomainResource } from '#wire';
import { parseCedarText } from './cedar-text.ts';

/** What is wrong with one of the documents. */
export interface DocumentProblem extends Problem {
  /** Place of the document in the list. */
  readonly document: number;
}

/** Changes by trust domain, trust domains that are new first. */
export type Plan = ReadonlyMap<string, readonly ResourceChange[]>;

export interface Planned {
  /** Empty when there are problems. */
  readonly changes: Plan;
  /** All of them. */
  readonly problems: readonly DocumentProblem[];
  /** Place in the list of the document that a change is made of. */
  documentOf(trustDomain: string, change: Pick<ResourceChange, 'kind' | 'key'>): number;
}

/** Istio's root namespace: its policies go to every trust domain that lists it. */
const ROOT_NAMESPACE = 'istio-system';

/**
 * Turns documents (JSON) into changes. Nothing is written. Whatever a document names is looked up, and every policy is compiled as enforcement
 * points will, so that what could not be enforced is not stored. Throws `LIMIT_EXCEEDED`.
 */
export function planDocuments(documents: readonly string[], present: readonly TrustDomainResource[]): Planned {
  if (documents.length > LIMITS.documentCount.value)
    throw new Fault('LIMIT_EXCEEDED', `${documents.length} documents are more than one apply may have`);
  return new Planning(documents, present).plan();
}

class Planning {
  readonly #problems: DocumentProblem[] = [];
  readonly #changes = new Map<string, ResourceChange[]>();
  readonly #seen = new Map<string, number>();
  readonly #domains: Map<string, TrustDomainResource>;
  readonly #documents: readonly string[];

  constructor(documents: readonly string[], present: readonly TrustDomainResource[]) {
    this.#documents = documents;
    this.#domains = new Map(present.map((domain) => [domain.name, domain]));
  }

  plan(): Planned {
    const converted = this.#documents.flatMap((json, document) => this.#convert(json, document));
    for (const { one } of converted) if (one.kind === 'TrustDomain') this.#domains.set(one.body.name, one.body);
    for (const { one, document } of converted) this.#place(one, document);
    return {
      changes: this.#problems.length > 0 ? new Map() : this.#changes,
      problems: this.#problems,
      documentOf: (trustDomain, { kind, key }) => this.#seen.get(placeOf(trustDomain, kind, key)) ?? 0,
    };
  }

  #convert(json: string, document: number): readonly { readonly one: Converted; readonly document: number }[] {
    if (Buffer.byteLength(json) > LIMITS.documentBytes.value)
      throw new Fault('LIMIT_EXCEEDED', 'a document is larger than the limit');
    const checked = checkDocument(readJson(json));
    if (!checked.ok) {
      for (const { at: _at, ...problem } of checked.problems) this.#refuse(document, problem);
      return [];
    }
    try {
      return [{ one: toResource(checked.document), document }];
    } catch (error) {
      if (!isFault(error)) throw error;
      this.#refuse(document, { path: '', expected: 'a document of the registry', found: error.message });
      return [];
    }
  }

  #place(one: Converted, document: number): void {
    for (const trustDomain of this.#owners(one, document)) {
      const place = placeOf(trustDomain, one.kind, one.key);
      const before = this.#seen.get(place);
      if (before !== undefined) {
        const found = `a second ${one.kind} ${one.key} of ${trustDomain}`;
        this.#refuse(document, { path: 'metadata.name', expected: 'one document of a name', found });
        continue;
      }
      this.#seen.set(place, document);
      const body = this.#body(one, trustDomain, document);
      const { kind, key } = one;
      if (body === undefined) continue;
      const changes = this.#changes.get(trustDomain);
      if (changes === undefined) this.#changes.set(trustDomain, [{ kind, key, body }]);
      else changes.push({ kind, key, body });
    }
  }

  #owners(one: Converted, document: number): readonly string[] {
    if (one.kind === 'AuthorizationPolicy') return this.#ownersOf(one.namespace, document);
    if (one.kind === 'CedarPolicy' && one.trustDomain === undefined) return [...this.#domains.keys()];
    const name = one.trustDomain ?? '';
    if (this.#domains.has(name)) return [name];
    this.#unknown(document, 'metadata.trustDomain', name, [...this.#domains.keys()]);
    return [];
  }

  #ownersOf(namespace: string, document: number): readonly string[] {
    const domains = [...this.#domains.values()];
    const owners = domains.filter(({ namespaces }) => namespaces.includes(namespace)).map(({ name }) => name);
    if (owners.length > 1 && namespace !== ROOT_NAMESPACE) {
      const found = `"${namespace}", which ${owners.join(' and ')} list`;
      this.#refuse(document, { path: 'metadata.namespace', expected: 'a namespace of one trust domain', found });
      return [];
    }
    if (owners.length === 0) {
      const known = domains.flatMap(({ namespaces }) => namespaces);
      this.#unknown(document, 'metadata.namespace', namespace, known);
    }
    return owners;
  }

  /** What is stored; undefined, with a problem told, for what could not be enforced or issued. */
  #body(one: Converted, trustDomain: string, document: number): unknown {
    switch (one.kind) {
      case 'Entry':
        return this.#told(document, 'spec', () =>
          parseEntry(trustDomain, this.#domains.get(trustDomain)?.userPath ?? '/user/', one.body),
        );
      case 'AuthorizationPolicy': {
        const problem = findReachProblem(one.body);
        if (problem === undefined) return one.body;
        const { known, word, ...told } = problem;
        const nearest = known === undefined || word === undefined ? undefined : findNearest(word, known);
        this.#refuse(document, { ...told, ...(nearest === undefined ? {} : { nearest }) });
        return undefined;
      }
      case 'CedarPolicy':
        return this.#told(document, 'spec.text', () => {
          const body = { ...one.body, policies: parseCedarText(one.body.text) };
          compileCedar([body]);
          return body;
        });
      default:
        return one.body;
    }
  }

  #told<T>(document: number, path: string, make: () => T): T | undefined {
    try {
      return make();
    } catch (error) {
      if (!isFault(error)) throw error;
      const expected = path === 'spec' ? 'an entry that can be issued' : 'Cedar policies that can be enforced whole';
      const { line } = error.details;
      this.#refuse(document, { path, expected, found: reasonOf(error), ...(typeof line === 'number' ? { line } : {}) });
      return undefined;
    }
  }

  #unknown(document: number, path: string, word: string, known: readonly string[]): void {
    const nearest = findNearest(word, known);
    const expected = known.length === 0 ? 'one that a TrustDomain document names' : `one of ${known.join(', ')}`;
    this.#refuse(document, { path, expected, found: `"${word}"`, ...(nearest === undefined ? {} : { nearest }) });
  }

  /** A policy of every trust domain is judged in each, and told once. */
  #refuse(document: number, problem: Problem): void {
    const told = { document, ...problem };
    if (!isDeepStrictEqual(this.#problems.at(-1), told)) this.#problems.push(told);
  }
}

function placeOf(trustDomain: string, kind: string, key: string): string {
  return `${trustDomain}\n${kind}\n${key}`;
}

function reasonOf({ message }: Fault): string {
  return message.replace(/^the registration entry is not acceptable: /, 'one that is not acceptable: ');
}

function readJson(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
