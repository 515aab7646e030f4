import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { Fault } from '#kernel';

const bundleSchema = z.object({
  trustDomain: z.string(),
  x509Authorities: z.array(z.string()),
  sequence: z.number(),
  refreshHintSeconds: z.number(),
});

const schema = z.strictObject({
  node: z.string().min(1),
  workloadSocket: z.string().min(1),
  adminSocket: z.string().min(1),
  dataDir: z.string().optional(),
  server: z.strictObject({ host: z.string().min(1), port: z.number().int().min(1).max(65535) }),
  trustDomains: z.array(z.strictObject({ name: z.string(), joinToken: z.string(), bundle: bundleSchema })).min(1),
});

export type AgentConfig = z.output<typeof schema>;

/** Reads the JSON file that `--config` names. Throws `CONFIG_UNREADABLE` or `CONFIG_INVALID` with every problem. */
export function readAgentConfig(path: string): AgentConfig {
  const parsed = schema.safeParse(readJson(path));
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(({ path: at, message }) => ({ path: at.join('.'), message }));
  const sentence = problems.map((problem) => `${problem.path}: ${problem.message}`).join('; ');
  throw new Fault('CONFIG_INVALID', `${path}: ${sentence}`, { details: { problems } });
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw new Fault('CONFIG_UNREADABLE', `${path} cannot be read as JSON`, { cause });
  }
}
