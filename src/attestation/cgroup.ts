/** One line of `/proc/<pid>/cgroup` (cgroups(7)): where a process is in one hierarchy. */
export interface Cgroup {
  /** Empty for the unified hierarchy. */
  readonly controllers: string;
  readonly path: string;
}

const CONTAINER = /^(?:[a-z][a-z0-9-]*-|cri-containerd:)?([0-9a-f]{64}|[0-9a-f]{32}-[0-9]{10})(?:\.scope)?$/;
const POD =
  /^(?:[a-z0-9-]*-)?pod([0-9a-f]{8}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{12}|[0-9a-f]{32})(?:\.slice)?$/;
const KUBEPODS = /^(?:kubelet-)?kubepods(?:\.slice)?$/;
/** What may stand above the pods: the kubelet's own group, and the container of a node that is one itself. */
const ABOVE_PODS = /^(?:kubelet(?:\.slice)?|docker|system\.slice|(?:docker-|libpod-)?[0-9a-f]{64}(?:\.scope)?)$/;

export function parseCgroups(text: string): readonly Cgroup[] {
  return text.split('\n').flatMap((line) => {
    const [, controllers, path] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
    return controllers === undefined || path === undefined ? [] : [{ controllers, path }];
  });
}

/** A container that a process says to be in, by the name of its group: whoever may make groups can make that name too. */
export interface ContainerGroup {
  readonly containerId: string;
  readonly path: string;
}

/** The outermost container of a process, or undefined; and undefined when its hierarchies do not agree. */
export function containerOf(cgroups: readonly Cgroup[]): ContainerGroup | undefined {
  return agreed(
    cgroups.map(({ path }) => {
      const segments = path.split('/');
      const at = segments.findIndex((segment) => CONTAINER.test(segment));
      const containerId = CONTAINER.exec(segments[at] ?? '')?.[1];
      return containerId === undefined ? undefined : { containerId, path: segments.slice(0, at + 1).join('/') };
    }),
    ({ containerId }) => containerId,
  );
}

export interface PodGroup {
  readonly podUid: string;
  readonly containerId: string;
}

/**
 * The pod and container of a process of Kubernetes. Only below the group that the kubelet keeps: a user who was given a group of his own
 * may make any name below it.
 */
export function podOf(cgroups: readonly Cgroup[]): PodGroup | undefined {
  return agreed(
    cgroups.map(({ path }) => {
      const segments = path.split('/').filter((segment) => segment !== '');
      const root = segments.findIndex((segment) => KUBEPODS.test(segment));
      if (root < 0 || !segments.slice(0, root).every((segment) => ABOVE_PODS.test(segment))) return undefined;
      const pod = segments.findIndex((segment, at) => at > root && POD.test(segment));
      if (pod < 0 || pod > root + 2) return undefined;
      const podUid = POD.exec(segments[pod] ?? '')?.[1]?.replaceAll('_', '-');
      const containerId = CONTAINER.exec(segments[pod + 1] ?? '')?.[1];
      return podUid === undefined || containerId === undefined ? undefined : { podUid, containerId };
    }),
    ({ podUid, containerId }) => `${podUid} ${containerId}`,
  );
}

/**
 * The unit of the system's service manager: the first group from the root that is no slice. What a user's own manager made below it does
 * not count, as in `systemctl status PID`.
 */
export function systemdUnitOf(cgroups: readonly Cgroup[]): string | undefined {
  const tree = cgroups.find(({ controllers }) => controllers === 'name=systemd') ?? cgroups.find(isUnified);
  const unit = tree?.path.split('/').find((segment) => segment !== '' && !segment.endsWith('.slice'));
  return unit !== undefined && /^[A-Za-z0-9:_.\\@-]+\.(?:service|scope)$/.test(unit) ? unit : undefined;
}

function isUnified({ controllers }: Cgroup): boolean {
  return controllers === '';
}

/** The one answer of all hierarchies that have one. */
function agreed<T>(found: readonly (T | undefined)[], identity: (one: T) => string): T | undefined {
  const [first, ...others] = found.flatMap((one) => (one === undefined ? [] : [one]));
  if (first === undefined || others.some((other) => identity(other) !== identity(first))) return undefined;
  return first;
}
