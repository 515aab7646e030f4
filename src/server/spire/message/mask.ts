/** Fields that a mask names stay, the others are as in an empty message; a missing mask keeps everything. The id always stays. */
export function masked<T extends object>(message: T, mask: object | undefined, empty: T): T {
  if (mask === undefined) return message;
  const kept = { ...message };
  for (const [field, keep] of Object.entries(mask))
    if (keep !== true) Reflect.set(kept, field, Reflect.get(empty, field));
  return kept;
}

/** True when a mask names the field, or there is none. */
export function names<M extends object>(mask: M | undefined, field: keyof M): boolean {
  return mask === undefined || mask[field] === true;
}
