/** Workload API §5.2.1: a hint stands once in a response; a second bearer comes without one rather than not at all. */
export function uniqueHints(): (hint: string | undefined) => string {
  const taken = new Set<string>();
  return (hint = '') => {
    if (taken.has(hint)) return '';
    taken.add(hint);
    return hint;
  };
}
