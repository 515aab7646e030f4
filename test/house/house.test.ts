import assert from 'node:assert/strict';
import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { isReasonCode } from '#chain';
import { EDGES, SDK_PACKAGES } from './edges.ts';
import { closure, importsOf, readImports, roomOf } from './imports.ts';

const root = join(import.meta.dirname, '..', '..');
const rooms = readdirSync(join(root, 'src'), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name);
const imports = readImports(root);

test('every room is in the table of edges', () => {
  assert.deepEqual(
    rooms.filter((room) => EDGES[room] === undefined),
    [],
  );
});

test('every import between rooms is an allowed edge', () => {
  const wrong = imports.filter((found) => {
    const target = roomOf(found.specifier);
    return target !== undefined && target !== found.room && EDGES[found.room]?.includes(target) !== true;
  });
  assert.deepEqual(
    wrong.map((found) => `${found.file} → ${found.specifier}`),
    [],
  );
});

test('every allowed edge between rooms that exist is used', () => {
  const used = new Set(imports.map((found) => `${found.room} → ${roomOf(found.specifier) ?? ''}`));
  const unused = rooms
    .flatMap((room) => (EDGES[room] ?? []).map((target) => `${room} → ${target}`))
    .filter((edge) => !used.has(edge));
  assert.deepEqual(unused, []);
});

test('an SVID whose signature is not looked at is accepted by the authority that has just made it, and by nobody else', () => {
  const users = globSync('{src,examples}/**/*.ts', { cwd: root })
    .filter((file) => !file.endsWith('.test.ts') && /\bverifyMade\w+/.test(readFileSync(join(root, file), 'utf8')))
    .map((file) => file.split('/').slice(0, 2).join('/'));
  assert.deepEqual([...new Set(users)].sort(), ['src/authority', 'src/spiffe']);
});

test('a room is entered by its index only', () => {
  const wrong = imports.filter((found) => {
    const deep = found.specifier.startsWith('#') && found.specifier.includes('/');
    return (
      (deep && !/^#(plugins|wire\/gen)\//.test(found.specifier)) ||
      /^(\.\.\/)+(\w|-)+\/index\.ts$/.test(found.specifier)
    );
  });
  assert.deepEqual(
    wrong.map((found) => `${found.file} → ${found.specifier}`),
    [],
  );
});

test('the closure of hauberk/sdk holds no package but those of a thin client', () => {
  const entry = 'src/sdk/index.ts';
  if (!existsSync(join(root, entry))) return;
  assert.deepEqual(
    [...closure(root, entry).packages].filter((name) => !SDK_PACKAGES.includes(name)),
    [],
  );
});

test('examples import of Hauberk only hauberk/sdk', () => {
  const files = globSync('examples/**/*.ts', { cwd: root, exclude: (path) => path.includes('node_modules') });
  const wrong = files
    .flatMap((file) => importsOf(root, file))
    .filter(({ specifier }) => {
      return (
        specifier.startsWith('#') ||
        (specifier.startsWith('hauberk') && specifier !== 'hauberk/sdk') ||
        specifier.includes('/src/')
      );
    });
  assert.deepEqual(
    wrong.map((found) => `${found.file} → ${found.specifier}`),
    [],
  );
});

test('every room has an index and a README of at most 40 lines', () => {
  for (const room of rooms) {
    if (room !== 'plugins') assert.ok(existsSync(join(root, 'src', room, 'index.ts')), `src/${room}/index.ts`);
    const readme = join(root, 'src', room, 'README.md');
    assert.ok(existsSync(readme), `src/${room}/README.md`);
    assert.ok(readFileSync(readme, 'utf8').split('\n').length <= 41, `src/${room}/README.md is longer than 40 lines`);
  }
});

test('every decision record has a number of its own, and says it', () => {
  const records = readdirSync(join(root, 'docs', 'adr')).toSorted();
  assert.deepEqual(
    records.map(
      (file) =>
        `${file.slice(0, 4)} ${/^# ADR (\d+): /.exec(readFileSync(join(root, 'docs', 'adr', file), 'utf8'))?.[1]}`,
    ),
    records.map((_, at) => `${`${at + 1}`.padStart(4, '0')} ${at + 1}`),
  );
});

test('every place of the sources that a page of docs names is there; a tutorial’s reader makes some', () => {
  const pages = globSync('{docs/**/*.md,src/*/README.md,*.md}', { cwd: root }).filter(
    (page) => !page.includes('tutorials'),
  );
  const named = pages.flatMap((page) => {
    const text = readFileSync(join(root, page), 'utf8');
    return [...text.matchAll(/`((?:src|test|examples|scripts|bench)\/[\w./*{},-]+)`/g)].map(([, place = '']) => ({
      page,
      place,
    }));
  });
  assert.ok(named.length > 50);
  assert.deepEqual(
    named.filter(({ place }) => globSync(place, { cwd: root }).length === 0),
    [],
  );
});

test('every code that a fault is made with is registered', () => {
  const unknown: string[] = [];
  for (const file of globSync('src/**/*.ts', { cwd: root })) {
    if (file.endsWith('.test.ts')) continue;
    const text = readFileSync(join(root, file), 'utf8');
    for (const match of text.matchAll(/new Fault\(\s*'([A-Z_]+)'/g)) {
      if (!isReasonCode(match[1] ?? '')) unknown.push(`${file}: ${match[1]}`);
    }
  }
  assert.deepEqual(unknown, []);
});

test('no bare Error is thrown in src', () => {
  const bare = globSync('src/**/*.ts', { cwd: root }).filter((file) => {
    return (
      !/\.(test|harness)\.ts$/.test(file) &&
      !file.includes('/gen/') &&
      /throw new (Type|Range)?Error\(/.test(readFileSync(join(root, file), 'utf8'))
    );
  });
  assert.deepEqual(bare, []);
});

test('the environment and the command line are read in main.ts, cli, up and one file of sdk only', () => {
  const readers = globSync('src/**/*.ts', { cwd: root }).filter((file) => {
    return !file.endsWith('.test.ts') && /process\.(env|argv)\b/.test(readFileSync(join(root, file), 'utf8'));
  });
  const allowed = /^src\/(\w+\/main\.ts|cli\/|up\/environment\.ts|sdk\/environment\.ts)/;
  assert.deepEqual(
    readers.filter((file) => !allowed.test(file)),
    [],
  );
});
