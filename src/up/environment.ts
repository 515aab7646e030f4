/** What `up` takes from the process environment: read once, here, and passed on. */
export interface UpEnvironment {
  readonly runtimeDirectory?: string;
  readonly databaseUrl?: string;
  readonly uid: number;
  /** What children inherit: never a secret of ours. */
  readonly inherited: Readonly<Record<string, string>>;
}

/** Variables that children need to run programs, find time zones and be moved in time by tests; nothing else is handed on. */
const HANDED_ON = /^(PATH|HOME|LANG|LC_\w+|TZ|TERM|NODE_EXTRA_CA_CERTS|LD_PRELOAD|FAKETIME\w*|NODE_V8_COVERAGE)$/;

export function readUpEnvironment(): UpEnvironment {
  const { XDG_RUNTIME_DIR: runtimeDirectory, DATABASE_URL: databaseUrl } = process.env;
  const inherited: Record<string, string> = {};
  for (const [name, value] of Object.entries(process.env)) {
    if (value !== undefined && HANDED_ON.test(name)) inherited[name] = value;
  }
  return {
    uid: process.getuid?.() ?? 0,
    inherited,
    ...(runtimeDirectory ? { runtimeDirectory } : {}),
    ...(databaseUrl ? { databaseUrl } : {}),
  };
}
