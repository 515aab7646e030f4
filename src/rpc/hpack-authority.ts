const SLASH = 0x2f;
const DASH = 0x2d;
const AUTHORITY_INDEX = 1;

/**
 * Overwrites the slashes of a literal `:authority` in a header block, in place: lengths, and so the client's and the server's dynamic
 * tables, stay equal (RFC 7541 §6). A value in Huffman's code, and a block that is not well formed, are left as they are.
 */
export function fixAuthority(block: Buffer): void {
  let at = 0;
  while (at < block.length) {
    const first = block[at] ?? 0;
    const prefix = prefixBits(first);
    const index = readInteger(block, at, prefix);
    if (index === undefined) return;
    at = index.next;
    if (prefix === 7 || prefix === 5) continue;
    if (index.value === 0) {
      const name = readString(block, at);
      if (name === undefined) return;
      at = name.end;
    }
    const value = readString(block, at);
    if (value === undefined) return;
    if (index.value === AUTHORITY_INDEX && !value.huffman) overwrite(block.subarray(value.start, value.end));
    at = value.end;
  }
}

/** §6.1 to §6.3: indexed, literal with indexing, size update, literal without indexing. */
function prefixBits(first: number): 7 | 6 | 5 | 4 {
  if ((first & 0x80) !== 0) return 7;
  if ((first & 0x40) !== 0) return 6;
  return (first & 0x20) !== 0 ? 5 : 4;
}

/** §5.1; integers of more than four bytes stand in no honest block. */
function readInteger(block: Buffer, at: number, bits: number): { value: number; next: number } | undefined {
  const max = 2 ** bits - 1;
  const first = block[at];
  if (first === undefined) return undefined;
  let value = first & max;
  if (value < max) return { value, next: at + 1 };
  for (let shift = 0, next = at + 1; shift < 28; shift += 7, next++) {
    const byte = block[next];
    if (byte === undefined) return undefined;
    value += (byte & 0x7f) * 2 ** shift;
    if ((byte & 0x80) === 0) return { value, next: next + 1 };
  }
  return undefined;
}

/** §5.2. */
function readString(block: Buffer, at: number): { huffman: boolean; start: number; end: number } | undefined {
  const length = readInteger(block, at, 7);
  if (length === undefined || length.next + length.value > block.length) return undefined;
  return { huffman: ((block[at] ?? 0) & 0x80) !== 0, start: length.next, end: length.next + length.value };
}

function overwrite(value: Buffer): void {
  for (let index = 0; index < value.length; index++) if (value[index] === SLASH) value[index] = DASH;
}
