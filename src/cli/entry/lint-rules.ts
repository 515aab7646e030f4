import { findNearest } from '#config';
import { SpiffeId } from '#spiffe';
import type { EntryResource } from '#wire';

export interface Finding {
  readonly rule: string;
  readonly entry: string;
  readonly sentence: string;
}

export interface LintQuestion {
  readonly trustDomain: string;
  readonly entries: readonly EntryResource[];
  /** Unix seconds of the last use, by entry. */
  readonly uses: ReadonlyMap<string, number>;
  readonly nowSeconds: number;
}

/** Anti-patterns among the entries of one trust domain. Each is a question to its owner, not an error. */
export function lintEntries(question: LintQuestion): readonly Finding[] {
  const { entries } = question;
  return [...entries.flatMap((entry) => lintEntry(entry, question)), ...overlaps(entries), ...mixedStages(question)];
}

const UNUSED_DAYS = 90;
const DAY_SECONDS = 86_400;

function lintEntry(entry: EntryResource, { uses, nowSeconds }: LintQuestion): readonly Finding[] {
  const findings: Finding[] = [];
  const note = (rule: string, sentence: string): void => void findings.push({ rule, entry: entry.id, sentence });
  const segments = SpiffeId.parse(entry.spiffeId).path.split('/').slice(1);
  if (entry.selectors.every((selector) => /^k8s:(ns|cluster|ns-label|node-name):/.test(selector)))
    note(
      'whole-namespace',
      'every workload of the namespace gets this identity: add a selector of the service account or pod',
    );
  if (entry.selectors.every((selector) => /^unix:(uid|gid|user|group):/.test(selector)))
    note('whole-user', 'every process of the user gets this identity: add a selector of the program or the service');
  const instance = segments.find(isInstance);
  if (instance !== undefined)
    note('instance-in-path', `"${instance}" names one instance: identities name services, and outlive instances`);
  const role = segments.find((segment) => ROLES.has(segment.toLowerCase()));
  if (role !== undefined) note('role-like', `"${role}" is what it may do, not who it is: say that in a policy`);
  if (entry.owner === undefined) note('no-owner', 'nobody answers for it: set metadata.owner');
  const last = uses.get(entry.id) ?? entry.createdAt;
  const days = last === undefined ? 0 : Math.floor((nowSeconds - last) / DAY_SECONDS);
  if (days >= UNUSED_DAYS)
    note(
      'unused',
      `${uses.has(entry.id) ? 'last used' : 'never used since it was made'} ${days} days ago: delete it, if nobody misses it`,
    );
  return findings;
}

const ROLES: ReadonlySet<string> = new Set([
  'admin',
  'administrator',
  'reader',
  'writer',
  'readonly',
  'read-only',
  'readwrite',
  'superuser',
  'root',
  'role',
  'roles',
  'operator',
  'poweruser',
]);

/** UUIDs, addresses, long hexadecimal, EC2 instances, pods of a ReplicaSet or StatefulSet. */
function isInstance(segment: string): boolean {
  return INSTANCES.some((pattern) => pattern.test(segment));
}

const INSTANCES: readonly RegExp[] = [
  /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i,
  /^\d{1,3}([.-]\d{1,3}){3}$/,
  /^[0-9a-f]{12,}$/i,
  /^i-[0-9a-f]{8,}$/,
  /-[a-z0-9]{8,10}-[a-z0-9]{5}$/,
  /-\d{1,3}$/,
];

/** An entry all of whose selectors another one of the same parent has too: whoever gets the second identity gets the first. */
function overlaps(entries: readonly EntryResource[]): readonly Finding[] {
  const byRarest = byRarestSelector(entries);
  return entries.flatMap((entry) => {
    const own = new Set(entry.selectors);
    return [...own]
      .flatMap((selector) => byRarest.get(placeOf(entry, selector)) ?? [])
      .filter(({ spiffeId, selectors }) => spiffeId !== entry.spiffeId && selectors.every((one) => own.has(one)))
      .map((other) => ({
        rule: 'overlap',
        entry: entry.id,
        sentence: `its workloads get ${other.spiffeId} too: the entry ${other.id} asks for nothing more`,
      }));
  });
}

/** Each entry once, at that of its selectors that the fewest have: what all of a namespace have in common is not compared. */
function byRarestSelector(entries: readonly EntryResource[]): ReadonlyMap<string, readonly EntryResource[]> {
  const counts = new Map<string, number>();
  for (const entry of entries)
    for (const selector of entry.selectors) {
      const place = placeOf(entry, selector);
      counts.set(place, (counts.get(place) ?? 0) + 1);
    }
  const found = new Map<string, EntryResource[]>();
  for (const entry of entries) {
    const places = entry.selectors.map((selector) => placeOf(entry, selector));
    const [rarest] = places.sort((a, b) => (counts.get(a) ?? 0) - (counts.get(b) ?? 0));
    if (rarest === undefined) continue;
    const there = found.get(rarest);
    if (there === undefined) found.set(rarest, [entry]);
    else there.push(entry);
  }
  return found;
}

function placeOf({ parentId }: EntryResource, selector: string): string {
  return `${parentId}\n${selector}`;
}

const PRODUCTION = /^(prod|production|live)$/;
const BEFORE = /^(dev|development|test|testing|qa|stage|staging|preprod|uat)$/;

/** One authority for both: whoever may change the one may issue identities of the other. */
function mixedStages({ trustDomain, entries }: LintQuestion): readonly Finding[] {
  const stageOf = (entry: EntryResource, stage: RegExp): boolean =>
    SpiffeId.parse(entry.spiffeId)
      .path.split(/[/.-]/)
      .some((word) => stage.test(word));
  const production = entries.find((entry) => stageOf(entry, PRODUCTION));
  if (production === undefined) return [];
  return entries
    .filter((entry) => stageOf(entry, BEFORE))
    .map(({ id }) => ({
      rule: 'stages-mixed',
      entry: id,
      sentence: `stands in ${trustDomain} beside ${production.id}: give each stage a trust domain of its own`,
    }));
}

/** The ids nearest to one that no entry gives. */
export function nearestId(spiffeId: string, entries: readonly EntryResource[]): string | undefined {
  return findNearest(
    spiffeId,
    entries.map((entry) => entry.spiffeId),
  );
}
