import type { Node } from '#wire/gen/envoy/config/core/v3/base';

const SWITCH = 'disable_spiffe_cert_validation';

/**
 * Whether an Envoy has, and wants, the SPIFFE validator: it came with 1.18, and the node's metadata may switch it off. A client that does
 * not say what it is gets the stricter answer.
 */
export function wantsSpiffeValidator(node: Node | undefined): boolean {
  const off: unknown = node?.metadata?.[SWITCH];
  if (off === true || (typeof off === 'string' && off.toLowerCase() === 'true')) return false;
  const version = node?.userAgentBuildVersion?.version;
  return version === undefined || version.majorNumber > 1 || version.minorNumber >= 18;
}
