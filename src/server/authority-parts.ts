import { join } from 'node:path';
import type { AuthorityJournal, KeyManager, KeyType, UpstreamAuthority } from '#authority';
import type { Clock, Random } from '#kernel';
import { AwsKmsKeyManager, sharedCredentials } from '#plugins/key-manager/aws-kms';
import { DiskKeyManager, diskJournal } from '#plugins/key-manager/disk';
import { MemoryKeyManager } from '#plugins/key-manager/memory';
import { StoreKeyManager } from '#plugins/key-manager/store';
import { DiskUpstreamAuthority } from '#plugins/upstream-authority/disk';
import { SpireUpstreamAuthority } from '#plugins/upstream-authority/spire';
import type { Store } from '#registry';
import type { TrustDomain } from '#spiffe';
import type { AuthorityConfig } from './authority-config.ts';
import { readPassphrase } from './passphrase.ts';
import { storeJournal } from './store-journal.ts';

/** What an authority stands on. */
export interface AuthorityParts {
  readonly keyManager: KeyManager;
  readonly journal: AuthorityJournal;
  readonly keyType: KeyType;
  readonly upstream?: UpstreamAuthority;
}

export interface AuthorityPlace {
  readonly dataDir: string;
  readonly store: Store;
  /** Other servers may use the store too. */
  readonly isShared?: boolean;
  readonly clock: Clock;
  readonly random: Random;
  readonly config?: AuthorityConfig | undefined;
  /** Of the bundle that was published last. */
  readonly sequenceFloor: number;
}

/** Throws `DIRECTORY_UNWRITABLE`, `KEY_UNREADABLE` and `CONFIG_UNREADABLE`. */
export async function openAuthorityParts(trustDomain: TrustDomain, place: AuthorityPlace): Promise<AuthorityParts> {
  const directory = join(place.dataDir, 'keys', trustDomain);
  const keyManager = await openKeyManager(trustDomain, directory, place);
  const journal = storeJournal(place.store, trustDomain, place.isShared);
  await adoptDiskJournal(journal, join(directory, 'authority.json'));
  const upstream = upstreamOf(trustDomain, place);
  const above = upstream === undefined ? {} : { upstream };
  return { keyManager, journal, keyType: place.config?.keyType ?? 'ec-p256', ...above };
}

function upstreamOf(
  trustDomain: TrustDomain,
  { config, clock, random }: AuthorityPlace,
): UpstreamAuthority | undefined {
  const upstream = config?.upstream?.[trustDomain];
  switch (upstream?.kind) {
    case undefined:
      return undefined;
    case 'disk': {
      const { certFile, keyFile, bundleFile } = upstream;
      const bundle = bundleFile === undefined ? {} : { bundleFile };
      return new DiskUpstreamAuthority({ trustDomain, certFile, keyFile, ...bundle, clock, random });
    }
    case 'spire':
      return new SpireUpstreamAuthority({ ...upstream, trustDomain, clock });
  }
}

async function openKeyManager(
  trustDomain: TrustDomain,
  directory: string,
  { config, clock, store }: AuthorityPlace,
): Promise<KeyManager> {
  const keys = config?.keys ?? { kind: 'disk' };
  switch (keys.kind) {
    case 'memory':
      return new MemoryKeyManager();
    case 'disk': {
      const passphrase = keys.passphraseFile === undefined ? undefined : await readPassphrase(keys.passphraseFile);
      return DiskKeyManager.open(directory, passphrase === undefined ? {} : { passphrase });
    }
    case 'store':
      return StoreKeyManager.open(store, trustDomain, await readPassphrase(keys.passphraseFile));
    case 'aws-kms': {
      const { region, endpoint, group, credentialsFile, profile } = keys;
      return new AwsKmsKeyManager({
        region,
        clock,
        // KMS aliases have no dots.
        group: `${group}/${trustDomain.replaceAll('.', '_')}`,
        credentials: sharedCredentials(credentialsFile, profile),
        ...(endpoint === undefined ? {} : { endpoint }),
      });
    }
  }
}

/** A server that kept its journal in a file goes on from there. */
async function adoptDiskJournal(journal: AuthorityJournal, file: string): Promise<void> {
  if ((await journal.load()) !== undefined) return;
  const record = await diskJournal(file).load();
  if (record !== undefined) await journal.save({ ...record, version: 1 }, 0);
}
