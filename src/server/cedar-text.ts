import { type DetailedError, policySetTextToParts, policyToJson } from '@cedar-policy/cedar-wasm/nodejs';
import { Fault } from '#kernel';

/** Cedar policies by id, in the JSON form that enforcement points compile. Cedar's own parser reads the text. */
export type CedarJson = Readonly<Record<string, unknown>>;

/** Throws `CONFIG_INVALID` with `details.line` where Cedar names a place. */
export function parseCedarText(text: string): CedarJson {
  const parts = policySetTextToParts(text);
  if (parts.type === 'failure') throw unreadable(text, parts.errors);
  if (parts.policy_templates.length > 0) throw new Fault('CONFIG_INVALID', 'a template, which is not used here');
  const policies: Record<string, unknown> = {};
  parts.policies.forEach((policy, index) => {
    const parsed = policyToJson(policy);
    if (parsed.type === 'failure') throw unreadable(policy, parsed.errors);
    const id = parsed.json.annotations?.id ?? `policy${index}`;
    if (Object.hasOwn(policies, id)) throw new Fault('CONFIG_INVALID', `two policies with the id ${id}`);
    policies[id] = parsed.json;
  });
  return policies;
}

function unreadable(text: string, [first]: readonly DetailedError[]): Fault {
  const start = first?.sourceLocations?.[0]?.start;
  // Cedar counts bytes.
  const line = start === undefined ? undefined : Buffer.from(text).subarray(0, start).toString().split('\n').length;
  const help = first?.help ? ` (${first.help})` : '';
  return new Fault('CONFIG_INVALID', `${first?.message ?? 'what Cedar cannot read'}${help}`, {
    details: line === undefined ? {} : { line },
  });
}
