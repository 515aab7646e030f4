// The stock spire-controller-manager on our admin socket: from files, or from a kube-apiserver.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EntryDefinition } from '#wire/gen/spire/api/server/entry';
import type { Entry } from '#wire/gen/spire/api/types';
import type { Spire } from '../../../src/server/spire/spire.harness.ts';
import { start, until } from '../spire/stock.ts';
import { FakeKube, type KubeObject } from './fake-kube.ts';

const GC_NANOSECONDS = 200_000_000;

export interface Manager {
  log(): string;
  /** What the server holds, once `holds`. */
  entries(holds: (entries: readonly Entry[]) => boolean): Promise<readonly Entry[]>;
}

export interface FileManager extends Manager {
  readonly manifests: string;
}

export interface KubeManager extends Manager {
  readonly kube: FakeKube;
}

/** Static mode: manifests of a folder, no Kubernetes. */
export async function withFiles(
  spire: Spire,
  more: object,
  use: (manager: FileManager) => Promise<void>,
): Promise<void> {
  await inFolder(async (folder) => {
    const manifests = join(folder, 'manifests');
    mkdirSync(manifests);
    const config = configuration(folder, spire, { ...more, staticManifestPath: manifests });
    await running(spire, config, {}, (manager) => use({ ...manager, manifests }));
  });
}

/** Kubernetes mode, against a fake of the API server. */
export async function withKube(
  spire: Spire,
  more: object,
  use: (manager: KubeManager) => Promise<void>,
): Promise<void> {
  const kube = await FakeKube.start();
  try {
    await inFolder(async (folder) => {
      const context = { name: 'fake', context: { cluster: 'fake', user: 'fake' } };
      const kubeconfig = {
        ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'fake', contexts: [context] },
        clusters: [{ name: 'fake', cluster: { server: kube.url } }],
        users: [{ name: 'fake', user: {} }],
      };
      writeFileSync(join(folder, 'kubeconfig'), JSON.stringify(kubeconfig));
      const env = { KUBECONFIG: join(folder, 'kubeconfig'), ENABLE_WEBHOOKS: 'false' };
      await running(spire, configuration(folder, spire, more), env, (manager) => use({ ...manager, kube }));
    });
  } finally {
    await kube.close();
  }
}

export function manifest(kind: string, name: string, spec: object): KubeObject {
  return { apiVersion: 'spire.spiffe.io/v1alpha1', kind, metadata: { name }, spec };
}

export async function entriesOf(spire: Spire): Promise<readonly Entry[]> {
  const client = spire.local(EntryDefinition);
  const all = { filter: undefined, outputMask: undefined, pageSize: 0, pageToken: '' };
  const { entries } = await client.listEntries(all);
  return entries.filter(({ spiffeId }) => spiffeId?.path !== '/spire-controller-manager/unsupported-fields-test');
}

async function running(
  spire: Spire,
  config: string,
  env: NodeJS.ProcessEnv,
  use: (manager: Manager) => Promise<void>,
): Promise<void> {
  const { log, stop } = start('spire-controller-manager', ['-config', config], env);
  const entries: Manager['entries'] = async (holds) => {
    let found: readonly Entry[] = [];
    await until('the entries', async () => {
      found = await entriesOf(spire);
      return holds(found);
    }).catch((cause) => {
      throw new Error(`${JSON.stringify(found.map(({ spiffeId }) => spiffeId?.path))}\n${log()}`, { cause });
    });
    return found;
  };
  try {
    await use({ log, entries });
  } finally {
    await stop();
  }
}

function configuration(folder: string, spire: Spire, more: object): string {
  const path = join(folder, 'config.yaml');
  const config = {
    ...{ apiVersion: 'spire.spiffe.io/v1alpha1', kind: 'ControllerManagerConfig' },
    ...{ clusterName: 'test', clusterDomain: 'cluster.local', trustDomain: 'bank-a' },
    ...{ metrics: { bindAddress: '0' }, health: { healthProbeBindAddress: '0' } },
    ...{ gcInterval: GC_NANOSECONDS, spireServerSocketPath: spire.server.spire('bank-a')?.socket ?? '' },
    ...more,
  };
  writeFileSync(path, JSON.stringify(config));
  return path;
}

async function inFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'manager-'));
  try {
    await use(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
