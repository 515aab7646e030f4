import { visible } from './visible.ts';

/** Columns as wide as their widest cell, two spaces between them, no trailing space. */
export function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const shown = rows.map((row) => row.map(shorten));
  const columns = Math.max(heads.length, ...shown.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(heads[column]?.length ?? 0, ...shown.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string =>
    `  ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`.trimEnd();
  return [...(heads.length === 0 ? [] : [line(heads)]), ...shown.map(line)].join('\n');
}

/** `spiffe://` stands before every identity of a table: without it two of them fit on a screen. */
function shorten(cell: string): string {
  return visible(cell.replace(/^spiffe:\/\//, ''));
}
