// What two servers can never say alike, and what is put in its place before their answers are compared. Each rule says why.

interface Rule {
  readonly pattern: RegExp;
  readonly by: string;
  readonly why: string;
}

export const RULES: readonly Rule[] = [
  {
    pattern: /-----BEGIN ([A-Z ]+)-----[\s\S]*?-----END \1-----/g,
    by: '<$1>',
    why: 'each server has keys of its own',
  },
  { pattern: /after [\d.]+(ms|s|µs)/g, by: 'after <time>', why: 'times' },
  {
    pattern: /"(x509_svid|private_key|root_cas|svid|bundle|x509_svid_key)":\s*("(?:[^"\\]|\\.)*"|\[[^\]]*\])/g,
    by: '"$1":"<key>"',
    why: 'each server has keys of its own',
  },
  {
    pattern: /bundle\(\S+\):\s*\{[\s\S]*?\]\s*\}/g,
    by: 'bundle(<trust domain>)',
    why: 'SPIRE tells them in the random order of a Go map, laid out otherwise and without the `use` of its keys',
  },
  { pattern: /("spiffe:\/\/[^"]+":\s*)"[^"]+"/g, by: '$1"<bundle>"', why: 'each server has keys of its own' },
  {
    pattern: /(SVID is not valid: ).*/g,
    by: '$1<words>',
    why: 'our sentences begin with a reason code and echo no input',
  },
  { pattern: /\bey[\w-]+\.[\w-]+\.[\w-]+/g, by: '<token>', why: 'signatures, times and key ids are each server’s own' },
  { pattern: /\b[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}\b/g, by: '<uuid>', why: 'ids and join tokens are random' },
  {
    pattern: /(Authority ID|X509-SVID serial|Serial number|Subject Key ID)\s*: .*/gi,
    by: '$1: <id>',
    why: 'each server has keys of its own',
  },
  {
    pattern:
      /"(authority_id|x509svid_serial_number|key_id|kid|asn1|public_key|x|y|n|d|p|q|dp|dq|qi|x5c)":\s*("[^"]*"|\[[^\]]*\])/g,
    by: '"$1":"<key>"',
    why: 'each server has keys of its own',
  },
  {
    pattern: /\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(Z| [+-]\d{4} \w+)?/g,
    by: '<time>',
    why: 'the servers began at different moments',
  },
  {
    pattern:
      /"(exp|iat|expires_at|created_at|issued_at|x509svid_expires_at|sequence_number|spiffe_sequence)":\s*"?\d+"?/g,
    by: '"$1":"<time>"',
    why: 'times; and a bundle’s sequence counts other changes at each server',
  },
  {
    pattern: /,\s*"spiffe_refresh_hint":\s*300|(?<="refresh_hint":\s*")300/g,
    by: '',
    why: 'ours tells relying parties how often to ask for its bundle, SPIRE leaves them to their default, which is the same',
  },
  { pattern: /(?<="refresh_hint":\s*")0(?=")/g, by: '', why: 'as above' },
  {
    pattern: /(Revision\s*: )\d+/g,
    by: '$1<revision>',
    why: 'SPIRE counts the updates of an entry, ours is the revision of the change log; an agent only asks whether it changed',
  },
  {
    pattern: /"revision_number":\s*"\d+"/g,
    by: '"revision_number":"<revision>"',
    why: 'as above',
  },
  {
    pattern: /(rpc error: code = \w+ desc = ).*/g,
    by: '$1<words>',
    why: 'the code is the contract; our sentences begin with a reason code and echo no input',
  },
  {
    pattern: /(Error: failed to (set|delete) feder\w+ \w+( "[^"]*")?: ).*/g,
    by: '$1<words>',
    why: 'as above: of these commands the code is not told',
  },
  { pattern: /(\(code: \w+, msg: ").*?("\))/g, by: '$1<words>$2', why: 'as above, for one item of a batch' },
  { pattern: /("code":\s*[1-9]\d*,\s*"message":\s*)"[^"]*"/g, by: '$1"<words>"', why: 'as above, in JSON' },
];

/** An answer without what each server has of its own. */
export function normalise(output: string): string {
  return RULES.reduce((text, { pattern, by }) => text.replace(pattern, by), output).trim();
}
