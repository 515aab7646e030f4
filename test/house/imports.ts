import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';

export interface Import {
  readonly file: string;
  readonly room: string;
  readonly specifier: string;
  /** `import type`: gone at run time. */
  readonly typeOnly: boolean;
}

const STATEMENT = /(?:^|\n)\s*(?:import|export)\s+(type\s+)?(?:[^'";]*?\sfrom\s+)?'([^']+)'/g;
const DYNAMIC = /import\(\s*'([^']+)'\s*\)/g;

/** Every import of `src/`, read as text; tests are left out. */
export function readImports(root: string): readonly Import[] {
  const files = globSync('src/**/*.ts', { cwd: root }).filter(
    (file) => !/\.(test|harness)\.ts$/.test(file) && !file.includes('/gen/'),
  );
  return files.flatMap((file) => importsOf(root, file));
}

export function importsOf(root: string, file: string): readonly Import[] {
  const text = readFileSync(join(root, file), 'utf8').replace(/\/\*[\s\S]*?\*\//g, '');
  const room = file.split('/')[1] ?? '';
  const statics = [...text.matchAll(STATEMENT)].map((match) => ({
    file,
    room,
    specifier: match[2] ?? '',
    typeOnly: match[1] !== undefined,
  }));
  const dynamics = [...text.matchAll(DYNAMIC)].map((match) => ({
    file,
    room,
    specifier: match[1] ?? '',
    typeOnly: false,
  }));
  return [...statics, ...dynamics];
}

/** `#plugins/store/sqlite` → `plugins`; undefined for packages, Node's own modules and relative imports. */
export function roomOf(specifier: string): string | undefined {
  return specifier.startsWith('#') ? specifier.slice(1).split('/')[0] : undefined;
}

/** Files reachable from `entry` by imports that remain at run time. */
export function closure(
  root: string,
  entry: string,
): { readonly files: ReadonlySet<string>; readonly packages: ReadonlySet<string> } {
  const files = new Set<string>();
  const packages = new Set<string>();
  const visit = (file: string): void => {
    if (files.has(file)) return;
    files.add(file);
    for (const found of importsOf(root, file)) {
      if (found.typeOnly) continue;
      const target = resolve(found);
      if (target !== undefined) visit(target);
      else if (!found.specifier.startsWith('node:')) packages.add(packageOf(found.specifier));
    }
  };
  visit(entry);
  return { files, packages };
}

function resolve(found: Import): string | undefined {
  if (found.specifier.startsWith('.')) return normalize(join(dirname(found.file), found.specifier));
  if (found.specifier.startsWith('#wire/gen/')) return `src/wire/gen/${found.specifier.slice('#wire/gen/'.length)}.ts`;
  if (found.specifier.startsWith('#')) return `src/${found.specifier.slice(1)}/index.ts`;
  return undefined;
}

function packageOf(specifier: string): string {
  const parts = specifier.split('/');
  return specifier.startsWith('@') ? parts.slice(0, 2).join('/') : (parts[0] ?? specifier);
}
