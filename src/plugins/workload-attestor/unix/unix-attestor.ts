import { readFileSync } from 'node:fs';
import type { Process, WorkloadAttestor } from '#attestation';
import type { Selector } from '#spiffe';
import { Executables } from './executable.ts';
import { NameFile } from './names.ts';

export interface UnixAttestorOptions {
  /** Also `path` and `sha256` of the executable. */
  readonly discoverWorkloadPath: boolean;
  /** Bytes of an executable whose digest is made; 0: any, below 0: none. */
  readonly workloadSizeLimit: number;
  readonly passwdFile?: string;
  readonly groupFile?: string;
}

type Found = readonly [name: string, value: string | number | undefined];

/**
 * `unix:uid`, `user`, `gid`, `group`, `supplementary_gid`, `supplementary_group`, and where it is asked for `path` and `sha256`: as SPIRE's
 * attestor of this name. User and group are those that the kernel named.
 */
export class UnixAttestor implements WorkloadAttestor {
  readonly name = 'unix';
  readonly #executables: Executables | undefined;
  readonly #users: NameFile;
  readonly #groups: NameFile;

  constructor(options: UnixAttestorOptions) {
    this.#executables = options.discoverWorkloadPath ? new Executables(options.workloadSizeLimit) : undefined;
    this.#users = new NameFile(options.passwdFile ?? '/etc/passwd');
    this.#groups = new NameFile(options.groupFile ?? '/etc/group');
  }

  async attest(process: Process, signal: AbortSignal): Promise<readonly Selector[]> {
    const { path, sha256 } = await this.#executableOf(process.pid, signal);
    return selectorsOf([...this.#accountOf(process), ['path', path], ['sha256', sha256]]);
  }

  /** All of it but the executable, for which a file may have to be read through. */
  attestNow(process: Process): readonly Selector[] | undefined {
    return this.#executables === undefined ? selectorsOf(this.#accountOf(process)) : undefined;
  }

  #accountOf({ pid, uid, gid }: Process): Found[] {
    const found: Found[] = [
      ['uid', uid],
      ['user', this.#users.find(uid)],
      ['gid', gid],
      ['group', this.#groups.find(gid)],
    ];
    for (const supplementary of supplementaryGroups(pid))
      found.push(['supplementary_gid', supplementary], ['supplementary_group', this.#groups.find(supplementary)]);
    return found;
  }

  /** An executable that cannot be read costs its own selectors, not those of the user. */
  async #executableOf(pid: number, signal: AbortSignal): Promise<{ path?: string; sha256?: string }> {
    try {
      return (await this.#executables?.of(pid, signal)) ?? {};
    } catch {
      return {};
    }
  }
}

function selectorsOf(found: readonly Found[]): readonly Selector[] {
  return found.flatMap(([name, value]) => (value === undefined ? [] : [{ type: 'unix', value: `${name}:${value}` }]));
}

/** proc(5), `Groups` in `/proc/<pid>/status`. */
function supplementaryGroups(pid: number): readonly string[] {
  try {
    const line = /^Groups:[ \t]*(.*)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '';
    return line.split(/\s+/).filter((group) => group !== '');
  } catch {
    return [];
  }
}
