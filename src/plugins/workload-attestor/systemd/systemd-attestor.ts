import { existsSync, readFileSync } from 'node:fs';
import { type Process, parseCgroups, systemdUnitOf, type WorkloadAttestor } from '#attestation';
import type { Selector } from '#spiffe';

export interface SystemdAttestorOptions {
  /** `/proc`, but for tests. */
  readonly procDirectory?: string;
  /** Where the system's service manager looks for units, in its order (systemd.unit(5)). */
  readonly unitDirectories?: readonly string[];
}

const UNIT_DIRECTORIES: readonly string[] = [
  '/etc/systemd/system.control',
  '/run/systemd/system.control',
  '/run/systemd/transient',
  '/run/systemd/generator.early',
  '/etc/systemd/system',
  '/etc/systemd/system.attached',
  '/run/systemd/system',
  '/run/systemd/system.attached',
  '/run/systemd/generator',
  '/usr/local/lib/systemd/system',
  '/usr/lib/systemd/system',
  '/lib/systemd/system',
  '/run/systemd/generator.late',
];

/**
 * `systemd:id:<unit>`, `systemd:fragment_path:<file>`: as SPIRE's attestor of this name. The unit comes out of the cgroup, which only the
 * system's service manager assigns, and the file is looked for where that manager does; it is not asked, and a unit whose file was replaced without
 * `daemon-reload` is named by the new one.
 */
export class SystemdAttestor implements WorkloadAttestor {
  readonly name = 'systemd';
  readonly #proc: string;
  readonly #directories: readonly string[];

  constructor({ procDirectory = '/proc', unitDirectories = UNIT_DIRECTORIES }: SystemdAttestorOptions = {}) {
    this.#proc = procDirectory;
    this.#directories = unitDirectories;
  }

  async attest({ pid }: Process): Promise<readonly Selector[]> {
    const unit = systemdUnitOf(parseCgroups(readFileSync(`${this.#proc}/${pid}/cgroup`, 'utf8')));
    if (unit === undefined) return [];
    const fragment = this.#fragmentOf(unit);
    const values = [`id:${unit}`, ...(fragment === undefined ? [] : [`fragment_path:${fragment}`])];
    return values.map((value) => ({ type: 'systemd', value }));
  }

  /** An instance `a@b.service` has the file of its own name, or else that of its template `a@.service`. */
  #fragmentOf(unit: string): string | undefined {
    const names = [unit, ...(unit.includes('@') ? [unit.replace(/@[^.]*(?=\.[a-z]+$)/, '@')] : [])];
    return names
      .flatMap((name) => this.#directories.map((directory) => `${directory}/${name}`))
      .find((file) => existsSync(file));
  }
}
