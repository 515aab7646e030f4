// What is published: two packages from one source. `hauberk` is everything; `@hauberk/sdk` is the closure of src/sdk alone (docs/adr).
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export const root = join(import.meta.dirname, '..');

export interface Published {
  readonly name: string;
  /** Below dist/. */
  readonly folder: string;
  /** What is compiled, with all that it imports, types included; everything where it is not said. */
  readonly entry?: string;
  /** Files that are no TypeScript, copied where they lie. */
  readonly assets: readonly string[];
  readonly readme: string;
  readonly manifest: (source: Source, rooms: readonly string[]) => Readonly<Record<string, unknown>>;
}

export interface Source {
  readonly version: string;
  readonly license: string;
  readonly description: string;
  readonly imports: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly optionalDependencies: Readonly<Record<string, string>>;
}

export function readSource(): Source {
  return JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
}

export const PACKAGES: readonly Published[] = [
  {
    name: 'hauberk',
    folder: 'hauberk',
    assets: ['src/**/*.{sql,proto,html,css}'],
    readme: 'README.md',
    manifest: (source, rooms) => ({
      ...common('hauberk', source.description, source, rooms),
      bin: { hauberk: 'bin/hauberk.js' },
      exports: { './sdk': compiled('./src/sdk/index'), './package.json': './package.json' },
      dependencies: source.dependencies,
      optionalDependencies: source.optionalDependencies,
    }),
  },
  {
    name: '@hauberk/sdk',
    folder: 'hauberk-sdk',
    entry: 'src/sdk/index.ts',
    assets: [],
    readme: 'docs/packages/sdk.md',
    manifest: (source, rooms) => ({
      ...common(
        '@hauberk/sdk',
        'What a service imports of Hauberk: its identity, mTLS, and who stands behind each request',
        source,
        rooms,
      ),
      exports: { '.': compiled('./src/sdk/index'), './package.json': './package.json' },
      dependencies: pick(source.dependencies, ['@bufbuild/protobuf']),
      sideEffects: false,
      peerDependencies: { pg: '>=8.11 <9' },
      peerDependenciesMeta: { pg: { optional: true } },
    }),
  },
];

function common(name: string, description: string, { version, license, imports }: Source, rooms: readonly string[]) {
  const own = Object.entries(imports).filter(([specifier]) => rooms.includes(specifier.slice(1).split('/')[0] ?? ''));
  return {
    ...{ name, version, description, license, type: 'module', engines: { node: '>=24' } },
    imports: Object.fromEntries(own.map(([specifier, file]) => [specifier, compiled(file.replace(/\.ts$/, ''))])),
  };
}

function compiled(path: string): { readonly types: string; readonly default: string } {
  return { types: `${path}.d.ts`, default: `${path}.js` };
}

/** Exact versions, as they were tried here. */
function pick(dependencies: Readonly<Record<string, string>>, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name, dependencies[name] ?? '']));
}
