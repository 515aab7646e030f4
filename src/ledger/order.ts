import type { Receipt } from '#chain';

/**
 * Links of one transaction in order: a caller's link before the links that name it as parent, siblings by their start. Receipts whose parent
 * is unknown stand where their start puts them. Clocks of several machines are never compared between parent and child.
 */
export function orderLinks(receipts: readonly Receipt[]): readonly Receipt[] {
  const spans = new Set(receipts.map((receipt) => receipt.span));
  const children = new Map<string, Receipt[]>();
  const roots: Receipt[] = [];
  for (const receipt of receipts) {
    const parent = receipt.parentSpan;
    if (parent === undefined || parent === receipt.span || !spans.has(parent)) roots.push(receipt);
    else children.set(parent, [...(children.get(parent) ?? []), receipt]);
  }
  const ordered: Receipt[] = [];
  const seen = new Set<Receipt>();
  // Not by recursion: whoever reports makes the chain as deep as it likes.
  const visit = (root: Receipt): void => {
    const next = [root];
    for (let receipt = next.pop(); receipt !== undefined; receipt = next.pop()) {
      if (seen.has(receipt)) continue;
      seen.add(receipt);
      ordered.push(receipt);
      next.push(...(children.get(receipt.span) ?? []).sort(byStart).reverse());
    }
  };
  for (const root of roots.sort(byStart)) visit(root);
  // Spans that name each other in a circle have no root; they come last rather than get lost.
  for (const receipt of [...receipts].sort(byStart)) visit(receipt);
  return ordered;
}

function byStart(a: Receipt, b: Receipt): number {
  return a.startedAt < b.startedAt ? -1 : a.startedAt > b.startedAt ? 1 : a.id < b.id ? -1 : 1;
}

/**
 * The broken link: the first denial, in order, and below it the denial that it only passed on, as a service answers what its guard said.
 */
export function brokenLink(ordered: readonly Receipt[]): Receipt | undefined {
  const denied = ordered.filter(({ effect }) => effect === 'deny');
  const seen = new Set<Receipt>();
  let broken = denied[0];
  while (broken !== undefined && !seen.has(broken)) {
    seen.add(broken);
    const { span } = broken;
    broken = denied.find((one) => one.parentSpan === span && !seen.has(one)) ?? broken;
  }
  return broken;
}
