import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { containerOf, type Process, parseCgroups, type WorkloadAttestor } from '#attestation';
import { Fault, isJsonObject, type JsonObject, LIMITS, readJson } from '#kernel';
import type { Selector } from '#spiffe';

export interface DockerAttestorOptions {
  /** Of Docker, or of Podman's service of the same API. */
  readonly socketPath: string;
  /** `/proc`, but for tests. */
  readonly procDirectory?: string;
}

/**
 * `docker:label:<k>:<v>`, `docker:env:<K=V>`, `docker:image_id:<image>`, `docker:image_config_digest:<digest>`: as SPIRE's attestor of this
 * name. The container id comes out of the process's cgroup, whose name a user with a group of his own can choose: so the container's first
 * process, as Docker names it, must be in that very group.
 */
export class DockerAttestor implements WorkloadAttestor {
  readonly name = 'docker';
  readonly #socketPath: string;
  readonly #proc: string;

  constructor({ socketPath, procDirectory = '/proc' }: DockerAttestorOptions) {
    this.#socketPath = socketPath;
    this.#proc = procDirectory;
  }

  async attest({ pid }: Process, signal: AbortSignal): Promise<readonly Selector[]> {
    const container = this.#containerOf(pid);
    if (container === undefined) return [];
    const inspected = await inspect(this.#socketPath, container.containerId, signal);
    if (inspected === undefined) return [];
    const first = isJsonObject(inspected.State) ? inspected.State.Pid : undefined;
    const itsOwn = typeof first === 'number' && first > 0 ? this.#containerOf(first) : undefined;
    if (itsOwn?.path !== container.path || itsOwn.containerId !== container.containerId)
      throw new Fault('IDENTITY_CALLER_UNKNOWN', 'the process is not where its container is');
    return selectorsOf(inspected).map((value) => ({ type: 'docker', value }));
  }

  #containerOf(pid: number) {
    return containerOf(parseCgroups(readFileSync(`${this.#proc}/${pid}/cgroup`, 'utf8')));
  }
}

function selectorsOf(container: JsonObject): readonly string[] {
  const config = isJsonObject(container.Config) ? container.Config : {};
  const labels = isJsonObject(config.Labels) ? Object.entries(config.Labels) : [];
  const env: readonly unknown[] = Array.isArray(config.Env) ? config.Env : [];
  return [
    ...labels.flatMap(([key, value]) => (typeof value === 'string' ? [`label:${key}:${value}`] : [])),
    ...env.flatMap((one) => (typeof one === 'string' ? [`env:${one}`] : [])),
    ...(typeof config.Image === 'string' && config.Image !== '' ? [`image_id:${config.Image}`] : []),
    ...(typeof container.Image === 'string' && container.Image !== ''
      ? [`image_config_digest:${container.Image}`]
      : []),
  ];
}

/** Undefined for a container that this Docker does not know: it is another's. */
function inspect(socketPath: string, id: string, signal: AbortSignal): Promise<JsonObject | undefined> {
  return new Promise((resolve, reject) => {
    const fail = (cause: unknown): void =>
      reject(new Fault('UPSTREAM_UNAVAILABLE', 'Docker does not answer', { cause }));
    const call = request(
      { socketPath, path: `/containers/${id}/json`, headers: { host: 'docker' }, signal },
      (answer) => {
        const chunks: Buffer[] = [];
        let bytes = 0;
        answer.on('data', (chunk: Buffer) => {
          bytes += chunk.length;
          if (bytes > LIMITS.documentBytes.value) call.destroy(new Fault('LIMIT_EXCEEDED', 'the answer is too large'));
          else chunks.push(chunk);
        });
        answer.on('error', fail);
        answer.on('end', () => {
          if (answer.statusCode === 404) return resolve(undefined);
          if (answer.statusCode !== 200) return fail(answer.statusCode);
          try {
            const value = readJson(Buffer.concat(chunks));
            if (isJsonObject(value)) resolve(value);
            else fail(undefined);
          } catch (cause) {
            fail(cause);
          }
        });
      },
    );
    call.on('error', fail);
    call.end();
  });
}
