import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { Fault, LIMITS } from '#kernel';
import { withFederations } from '../federation/client.ts';
import { print, type TargetOptions, withTarget } from '../target.ts';

export function setBundleCommand(): Command {
  return withTarget(new Command('set'))
    .description('tell a trust domain another one’s bundle by hand')
    .argument('<trust domain>', 'who is told')
    .argument('<other>', 'whose bundle it is')
    .requiredOption('--file <file>', 'bundle in SPIFFE’s format')
    .action((trustDomain: string, other: string, options: TargetOptions & { readonly file: string }) =>
      setBundleFromFile(options, trustDomain, other, options.file),
    );
}

/** Throws `CONFIG_UNREADABLE`, `BUNDLE_INVALID`. */
export async function setBundleFromFile(
  options: TargetOptions,
  trustDomain: string,
  other: string,
  file: string,
): Promise<void> {
  const document = read(file);
  await withFederations(options, async (client) => {
    const { sequence } = await client.setBundle({ trustDomain, other, document });
    print(`${trustDomain} knows the bundle of ${other} at sequence ${sequence}`);
  });
}

function read(file: string): string {
  try {
    const text = readFileSync(file, 'utf8');
    if (text.length <= LIMITS.bundleBytes.value) return text;
  } catch (cause) {
    throw new Fault('CONFIG_UNREADABLE', `${file} cannot be read`, { cause });
  }
  throw new Fault('BUNDLE_INVALID', `${file} is larger than a bundle may be`);
}
