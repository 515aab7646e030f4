import type { Random } from './random.ts';

const POOL_BYTES = 4096;

/** Random bytes drawn in larger pieces, each given out once: for ids of every request, which need many small ones. */
export function pooledRandom(source: Random): Random {
  let pool: Buffer = Buffer.alloc(0);
  return {
    bytes: (length) => {
      if (length > POOL_BYTES) return source.bytes(length);
      if (pool.length < length) pool = source.bytes(POOL_BYTES);
      const piece = Buffer.from(pool.subarray(0, length));
      pool = pool.subarray(length);
      return piece;
    },
  };
}
