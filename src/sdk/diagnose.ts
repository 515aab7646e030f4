import { Fault, isFault } from '#kernel';

export interface Waited {
  readonly socketPath: string;
  /** Whether the Workload API gave an identity; then it is what to enforce that did not come. */
  readonly hasIdentity: boolean;
  /** What the last attempt failed with, if it failed. */
  readonly failure: unknown;
}

/** Why a workload has no identity, as exactly as its own side can know: what to look at first, with the agent's selectors and id where it said any. */
export function diagnose({ socketPath, hasIdentity, failure }: Waited): Fault {
  const errno: unknown = Object(Object(failure).cause).code;
  if (errno === 'ENOENT' || errno === 'ENOTDIR')
    return new Fault('AGENT_SOCKET_MISSING', `there is no agent socket at ${socketPath}`, { cause: failure });
  if (errno === 'ECONNREFUSED')
    return new Fault('AGENT_SOCKET_REFUSED', `no agent listens on ${socketPath}: it has ended`, { cause: failure });
  if (errno === 'EACCES' || errno === 'EPERM')
    return new Fault('AGENT_SOCKET_REFUSED', `this process may not open ${socketPath}`, { cause: failure });
  if (isFault(failure) && failure.code === 'IDENTITY_NO_ENTRY') return noEntry(failure);
  if (hasIdentity)
    return new Fault('IDENTITY_UNAVAILABLE', 'the agent gave an identity, but not what to enforce, in time', {
      cause: failure,
    });
  return isFault(failure) ? failure : new Fault('IDENTITY_UNAVAILABLE', 'the agent gave no identity in time');
}

/** The agent tells a process its own selectors and the id under which its operator finds the nearest entries. */
function noEntry(cause: Fault): Fault {
  const { selectors, id } = cause.details;
  const seen = Array.isArray(selectors) ? `: it was seen as ${selectors.join(', ')}` : '';
  const where = typeof id === 'string' ? ` (id ${id})` : '';
  const message = `no registration entry matches this process${seen}${where}`;
  return new Fault('IDENTITY_NO_ENTRY', message, { cause, details: cause.details });
}
