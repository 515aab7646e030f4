import type { Probe, ProbeResult } from './check-context.ts';
import { spawnChild } from './child.ts';
import { moduleOptions, type Workshop } from './processes.ts';

const PROBE_MILLIS = 30_000;

/** Runs a module once, with the identity of a service or none; what it writes is its answer. */
export async function runProbe(shop: Workshop, probe: Probe): Promise<ProbeResult> {
  const name = `probe-${(probe.service ?? 'nobody').replace('/', '-')}`;
  const options = moduleOptions(shop, name, probe.module, probe.service);
  const child = await spawnChild({
    ...options,
    logFile: shop.run.at('log', 'probes.log'),
    stdout: 'capture',
    stdin: 'pipe',
  });
  const timer = setTimeout(() => void child.stop(500), probe.timeoutMillis ?? PROBE_MILLIS);
  try {
    if (probe.service !== undefined) await shop.register(child, probe.service);
    const output = collect(child.stdout);
    child.go();
    child.stdin?.end(probe.stdin);
    const [{ status }, stdout] = await Promise.all([child.exited, output]);
    return { stdout, status };
  } finally {
    clearTimeout(timer);
    await child.stop(500);
  }
}

const PROBE_OUTPUT_CHARACTERS = 1024 * 1024;

async function collect(stream: AsyncIterable<Buffer> | undefined): Promise<string> {
  let text = '';
  for await (const chunk of stream ?? []) if (text.length < PROBE_OUTPUT_CHARACTERS) text += chunk.toString('utf8');
  return text;
}
