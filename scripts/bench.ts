// `npm run bench [-- --json] [NAME…]`: every file of bench/ prints its figures with the limit measured in the same run.
import { globSync } from 'node:fs';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Figure } from '../bench/figure.ts';

const json = process.argv.includes('--json');
const names = process.argv.slice(2).filter((argument) => !argument.startsWith('-'));
const root = join(import.meta.dirname, '..');
const files = globSync('bench/*.ts', { cwd: root })
  .filter((file) => basename(file) !== 'figure.ts')
  .sort();
const figures: Figure[] = [];
for (const file of files) {
  if (names.length > 0 && !names.some((name) => file.includes(name))) continue;
  const { run } = (await import(pathToFileURL(join(root, file)).href)) as { run: () => Promise<readonly Figure[]> };
  for (const figure of await run()) {
    figures.push(figure);
    if (!json) process.stdout.write(`${line(figure)}\n`);
  }
}
if (json) process.stdout.write(`${JSON.stringify({ figures })}\n`);
process.exit(figures.every((figure) => figure.ok) ? 0 : 1);

function line(figure: Figure): string {
  const limit = figure.limit === null ? '' : `  limit ${round(figure.limit)}  ratio ${figure.ratio?.toFixed(2) ?? '-'}`;
  const budget = figure.budget === null ? '' : `  budget ${figure.budget}`;
  return `${figure.ok ? 'ok  ' : 'MISS'} ${figure.name}: ${round(figure.value)} ${figure.unit}${limit}${budget}`;
}

function round(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString('en') : value.toFixed(2);
}
