/** A name as `X509Certificate` of Node tells it, in one line as RFC 4514 §2.1 has it: the last part first. */
export function nameText(name: string): string {
  return name.split('\n').toReversed().join(',');
}
