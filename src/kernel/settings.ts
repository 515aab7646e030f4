import { readFileSync } from 'node:fs';
import { Fault } from './fault.ts';

/** What a schema library offers: the value as its type, or every problem. */
export interface SettingsSchema<T> {
  safeParse(value: unknown):
    | { readonly success: true; readonly data: T }
    | {
        readonly success: false;
        readonly error: {
          readonly issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[];
        };
      };
}

/** The JSON file that a process is given with `--config`. Throws `CONFIG_UNREADABLE`. */
export function readSettingsFile(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw new Fault('CONFIG_UNREADABLE', `${path} cannot be read as JSON`, { cause });
  }
}

/** Throws `CONFIG_INVALID` with every problem, each by its path. */
export function parseSettings<T>(schema: SettingsSchema<T>, value: unknown, source: string): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(({ path, message }) => ({ path: path.map(String).join('.'), message }));
  const sentence = problems.map((problem) => `${problem.path}: ${problem.message}`).join('; ');
  throw new Fault('CONFIG_INVALID', `${source}: ${sentence}`, { details: { problems } });
}
