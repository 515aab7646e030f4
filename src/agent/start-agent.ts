import { join } from 'node:path';
import type { WorkloadAttestor } from '#attestation';
import { type Clock, type Closeable, Fault, Lifecycle, type Log, LogThreshold, type Random } from '#kernel';
import { DockerAttestor } from '#plugins/workload-attestor/docker';
import { K8sAttestor } from '#plugins/workload-attestor/k8s';
import { SupervisorAttestor } from '#plugins/workload-attestor/supervisor';
import { SystemdAttestor } from '#plugins/workload-attestor/systemd';
import { UnixAttestor } from '#plugins/workload-attestor/unix';
import { type PeerCredentials, reflectionServices, type ServiceBinding, serveUnix } from '#rpc';
import { debugService } from './api/debug.ts';
import { delegatedIdentity } from './api/delegated-identity.ts';
import { enforcementPoint } from './api/enforcement-point.ts';
import { healthService } from './api/health.ts';
import { loggerService } from './api/logger.ts';
import { secretDiscovery } from './api/secret-discovery.ts';
import { supervisorService } from './api/supervisor.ts';
import { workloadApi } from './api/workload-api.ts';
import { type AgentConfig, type AgentSettings, checkSettings } from './config.ts';
import { Membership } from './membership.ts';
import { AgentNode } from './node.ts';
import { nodeEvidence } from './node-evidence.ts';

export interface AgentOptions extends AgentSettings {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Of `log`, where operators may move it. */
  readonly logLevel?: LogThreshold;
}

export interface RunningAgent extends Closeable {
  readonly workloadSocket: string;
  readonly adminSocket: string;
}

/** Joins its trust domains and serves the workloads of this node. Listens at once; callers wait for nothing but their own answer. */
export async function startAgent(options: AgentOptions): Promise<RunningAgent> {
  const { clock, random, log, logLevel = new LogThreshold(), ...settings } = options;
  const {
    server,
    workloadSocket,
    adminSocket,
    sds,
    trustDomains,
    allowedForeignJwtClaims,
    workloadAttestors,
    authorizedDelegates,
    dataDir,
    whenReceiptsAreFull: whenFull,
  } = checkSettings(settings);
  const directory = dataDir === undefined ? undefined : join(dataDir, 'receipts');
  const life = new Lifecycle();
  try {
    const [first, ...others] = trustDomains.map(
      ({ nodeAttestor, ...one }) =>
        new Membership({
          ...one,
          ...(nodeAttestor === undefined ? {} : { evidence: nodeEvidence(nodeAttestor, random) }),
          server,
          clock,
          random,
          log,
        }),
    );
    if (first === undefined) throw new Fault('CONFIG_INVALID', 'the agent serves no trust domain');
    const memberships = [first, ...others] as const;
    const supervisor = new SupervisorAttestor();
    const node = life.own(
      new AgentNode({
        memberships,
        attestors: [...attestorsOf(workloadAttestors), supervisor],
        receipts: { directory, whenFull },
        clock,
        random,
        log,
      }),
    );
    for (const membership of memberships) membership.start();
    const identify = <T>(credentials: T): T => credentials;
    life.own(
      await serveUnix({
        path: workloadSocket,
        mode: 0o777,
        log,
        identify,
        services: complete(
          node,
          workloadApi(node, { allowedForeignJwtClaims }),
          enforcementPoint(node),
          ...secretServices(node, sds),
        ),
      }),
    );
    life.own(
      await serveUnix({
        path: adminSocket,
        mode: 0o770,
        log,
        identify,
        services: complete(
          node,
          supervisorService(node, supervisor),
          delegatedIdentity(node, authorizedDelegates),
          debugService(node),
          loggerService(logLevel),
        ),
      }),
    );
    return { workloadSocket, adminSocket, close: () => life.close() };
  } catch (error) {
    await life.close();
    throw error;
  }
}

function attestorsOf({ unix, docker, k8s, systemd }: AgentConfig['workloadAttestors']): readonly WorkloadAttestor[] {
  return [
    new UnixAttestor(unix),
    ...(docker === undefined ? [] : [new DockerAttestor(docker)]),
    ...(k8s === undefined ? [] : [new K8sAttestor(k8s)]),
    ...(systemd === undefined ? [] : [new SystemdAttestor(systemd)]),
  ];
}

function secretServices(node: AgentNode, sds: AgentConfig['sds']): readonly ServiceBinding<PeerCredentials>[] {
  if (!sds.enabled) return [];
  const options = {
    defaultSvid: sds.defaultSvidName,
    defaultBundle: sds.defaultBundleName,
    allBundles: sds.defaultAllBundlesName,
    spiffeValidator: !sds.disableSpiffeCertValidation,
  };
  return [secretDiscovery(node, options)];
}

/** Each socket says what it serves: health by name, reflection. */
function complete(
  node: AgentNode,
  ...services: readonly ServiceBinding<PeerCredentials>[]
): readonly ServiceBinding<PeerCredentials>[] {
  const names = services.map(({ fullName }) => fullName);
  const health = healthService(node, names);
  return [...services, health, ...reflectionServices<PeerCredentials>([...names, health.fullName])];
}
