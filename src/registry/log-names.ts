/** Names of the logs of one trust domain. A trust domain's name holds no `/`, so none is taken for another's. */
export function stateLog(trustDomain: string): string {
  return trustDomain;
}

export function agentLog(trustDomain: string): string {
  return `${trustDomain}/agents`;
}

export function tokenLog(trustDomain: string): string {
  return `${trustDomain}/join-tokens`;
}

export function journalLog(trustDomain: string): string {
  return `${trustDomain}/authority`;
}

/** Private keys, sealed. */
export function keyLog(trustDomain: string): string {
  return `${trustDomain}/authority-keys`;
}

/** The trust domain whose log it is. */
export function trustDomainOf(log: string): string {
  const slash = log.indexOf('/');
  return slash < 0 ? log : log.slice(0, slash);
}
