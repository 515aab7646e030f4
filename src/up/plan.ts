import { dirname, join, resolve } from 'node:path';
import {
  configFault,
  type EdgeDocument,
  type EnvironmentDocument,
  type GateDocument,
  type LoadedDocument,
  loadDocuments,
} from '#config';
import { Fault } from '#kernel';
import { checkReferences } from './check-references.ts';
import { checkRoutes } from './check-routes.ts';

export type ProcessSpec = EnvironmentDocument['spec']['processes'][number];

/** An environment file with everything that it names, read and checked before anything starts. */
export interface Plan {
  readonly file: string;
  readonly directory: string;
  readonly name: string;
  readonly spec: EnvironmentDocument['spec'];
  readonly processes: readonly ProcessSpec[];
  /** For the registry. */
  readonly documents: readonly LoadedDocument[];
  /** Mapping and AuthService documents, for the edge. */
  readonly routes: readonly LoadedDocument[];
  readonly edge?: { readonly loaded: LoadedDocument; readonly document: EdgeDocument };
  readonly gate?: { readonly loaded: LoadedDocument; readonly document: GateDocument };
  readonly trustDomains: readonly string[];
}

/** Throws `CONFIG_INVALID` or `CONFIG_UNREADABLE`. With `check`, what the environment's check adds is part of the plan. */
export function readPlan(path: string, options: { readonly check: boolean }): Plan {
  const file = resolve(path);
  const directory = dirname(file);
  const { loaded: written, environment } = onlyEnvironment(file);
  const { spec } = environment;
  const extra = options.check ? spec.check : undefined;
  const names = [...spec.documents, ...(extra?.documents ?? [])];
  const own = [...listOf(spec.edge?.documents), ...listOf(spec.gate?.documents)];
  const loaded = loadDocuments([...names, ...own].map((name) => join(directory, name)));
  checkReferences(written, spec, loaded, options.check);
  const routes = loaded.filter(({ document }) => document.kind === 'Mapping' || document.kind === 'AuthService');
  checkRoutes(routes);
  const edge = find(loaded, 'Edge');
  const gate = find(loaded, 'Gate');
  return {
    file,
    directory,
    name: environment.metadata.name,
    spec,
    processes: [...spec.processes, ...(extra?.processes ?? [])],
    documents: loaded.filter(({ document }) => REGISTRY.has(document.kind)),
    routes,
    trustDomains: loaded.flatMap(({ document }) => (document.kind === 'TrustDomain' ? [document.metadata.name] : [])),
    ...(edge?.document.kind === 'Edge' ? { edge: { loaded: edge, document: edge.document } } : {}),
    ...(gate?.document.kind === 'Gate' ? { gate: { loaded: gate, document: gate.document } } : {}),
  };
}

const REGISTRY: ReadonlySet<string> = new Set([
  'TrustDomain',
  'Entry',
  'Federation',
  'Service',
  'CedarPolicy',
  'AuthorizationPolicy',
]);

function onlyEnvironment(file: string): { readonly loaded: LoadedDocument; readonly environment: EnvironmentDocument } {
  const [first, ...more] = loadDocuments([file]);
  if (first?.document.kind === 'Environment' && more.length === 0)
    return { loaded: first, environment: first.document };
  throw configFault([
    {
      file,
      line: first?.line ?? 1,
      path: '',
      expected: 'one Environment document',
      found: first?.document.kind ?? 'nothing',
    },
  ]);
}

function find(loaded: readonly LoadedDocument[], kind: string): LoadedDocument | undefined {
  const found = loaded.filter(({ document }) => document.kind === kind);
  if (found.length > 1)
    throw new Fault('CONFIG_INVALID', `an environment has one ${kind} document, not ${found.length}`);
  return found[0];
}

function listOf(value: string | readonly string[] | undefined): readonly string[] {
  return value === undefined ? [] : typeof value === 'string' ? [value] : value;
}
