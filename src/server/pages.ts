/** As many as one message of an answer has, as SPIRE's have. */
const PAGE_ITEMS = 500;
/** A quarter of what a reader takes at most: one more item, and what is around the items, fit. */
const PAGE_BYTES = 1024 * 1024;

/** What is sent in several messages, in order, each made when it is asked for: few enough items to be read, at least one. */
export function* inPages<T, Sent>(
  items: Iterable<T>,
  make: (item: T) => Sent,
  bytesOf: (sent: Sent) => number,
): Generator<Sent[], void, undefined> {
  let page: Sent[] = [];
  let bytes = 0;
  for (const item of items) {
    const made = make(item);
    const size = bytesOf(made);
    if (page.length > 0 && (page.length === PAGE_ITEMS || bytes + size > PAGE_BYTES)) {
      yield page;
      page = [];
      bytes = 0;
    }
    page.push(made);
    bytes += size;
  }
  if (page.length > 0) yield page;
}
