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
  } catch (error) {
    throw new Fault('CONFIG_UNREADABLE', whyUnread(path, error));
  }
}

const UNREAD: Readonly<Record<string, string>> = {
  ENOENT: 'it is not there',
  ENOTDIR: 'it is not there',
  EISDIR: 'it is a directory',
  EACCES: 'this user may not read it',
};

/** The parser's own sentence quotes the text, which may hold a join token: only the place is told. */
function whyUnread(path: string, error: unknown): string {
  if (error instanceof SyntaxError) {
    const line = /\(line (\d+) column \d+\)/.exec(error.message)?.[1];
    return `${line === undefined ? path : `${path}:${line}`} is not well-formed JSON`;
  }
  return `${path} cannot be read: ${UNREAD[String(Object(error).code)] ?? 'the system refuses it'}`;
}

/** Throws `CONFIG_INVALID` with every problem, each by its path. */
export function parseSettings<T>(schema: SettingsSchema<T>, value: unknown, source: string): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(({ path, message }) => ({ path: path.map(String).join('.'), message }));
  const sentence = problems.map((problem) => `${problem.path}: ${problem.message}`).join('; ');
  throw new Fault('CONFIG_INVALID', `${source}: ${sentence}`, { details: { problems } });
}
