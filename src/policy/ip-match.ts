import { BlockList, isIP } from 'node:net';
import { refused } from './refusal.ts';
import type { Matcher } from './string-match.ts';

/**
 * `ipBlocks`: one address or a CIDR block, IPv4 or IPv6. An IPv4 address that arrived in its IPv6 form (`::ffff:10.0.0.1`) is the IPv4 address.
 * Throws `CONFIG_INVALID` for what is neither.
 */
export function ipMatch(pattern: string): Matcher {
  const [address = '', bits, ...more] = pattern.split('/');
  const family = isIP(address);
  const widest = family === 6 ? 128 : 32;
  const prefix = bits === undefined ? widest : /^\d{1,3}$/.test(bits) ? Number(bits) : -1;
  if (family === 0 || more.length > 0 || prefix < 0 || prefix > widest)
    throw refused('an address block that is none', 'an IP address or a CIDR block such as 10.0.0.0/8');
  const block = new BlockList();
  block.addSubnet(address, prefix, family === 6 ? 'ipv6' : 'ipv4');
  return (value) => {
    const plain = value?.replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, '') ?? '';
    const found = isIP(plain);
    return found !== 0 && block.check(plain, found === 6 ? 'ipv6' : 'ipv4');
  };
}
