import { X509Certificate } from 'node:crypto';
import { Fault, pause } from '#kernel';
import { loggerHandlers, type ServiceBinding } from '#rpc';
import { HealthDefinition, HealthCheckResponse_ServingStatus as Serving } from '#wire/gen/health';
import { DebugDefinition } from '#wire/gen/spire/api/server/debug';
import { LoggerDefinition } from '#wire/gen/spire/api/server/logger';
import { nameText } from '#x509';
import { bindSpire, type Gate } from './bind.ts';
import type { SpireCaller } from './caller.ts';
import { federatedBundles } from './federated-bundles.ts';
import { encodeId } from './message/ids.ts';

const WATCH_MILLIS = 1000;

/** The services that are on the admin socket alone: health, log level, debug. */
export function operatorServices(gate: Gate): readonly ServiceBinding<SpireCaller>[] {
  return [healthService(gate), loggerService(gate), debugService(gate)];
}

/** Serving means that a certificate of this trust domain was issued and verified just now. */
function healthService(gate: Gate): ServiceBinding<SpireCaller> {
  const { state } = gate;
  const { clock } = state.options;
  const statusOf = async (trustDomain: string, service: string) => {
    if (service !== '') return Serving.SERVICE_UNKNOWN;
    return (await state.troubleOf(trustDomain)) === undefined ? Serving.SERVING : Serving.NOT_SERVING;
  };
  return bindSpire(gate, HealthDefinition, {
    check: async ({ service }, { caller: { trustDomain } }) => {
      const status = await statusOf(trustDomain, service);
      if (status === Serving.SERVICE_UNKNOWN) throw new Fault('NOT_FOUND', 'unknown service');
      return { status };
    },
    watch: async function* ({ service }, { caller: { trustDomain }, signal }) {
      for (let last: unknown; !signal.aborted; ) {
        const status = await statusOf(trustDomain, service);
        if (status !== last) yield { status };
        last = status;
        await pause(clock, WATCH_MILLIS, signal);
      }
    },
  });
}

function loggerService(gate: Gate): ServiceBinding<SpireCaller> {
  return bindSpire(gate, LoggerDefinition, loggerHandlers(gate.logLevel));
}

function debugService(gate: Gate): ServiceBinding<SpireCaller> {
  const { state, startedAt } = gate;
  const { registry } = state;
  return bindSpire(gate, DebugDefinition, {
    getInfo: async (_, { caller: { trustDomain } }) => {
      const { chain } = state.trustDomain(trustDomain).identity() ?? { chain: [] };
      return {
        svidChain: chain.map((der) => {
          const certificate = new X509Certificate(der);
          const uri = certificate.subjectAltName?.match(/URI:(\S+?)(,|$)/)?.[1];
          return {
            id: uri === undefined ? undefined : encodeId(uri),
            expiresAt: BigInt(Math.floor(certificate.validToDate.getTime() / 1000)),
            subject: nameText(certificate.subject),
          };
        }),
        uptime: Math.floor((state.options.clock.monotonic() - startedAt) / 1000),
        agentsCount: registry.agentCount(trustDomain),
        federatedBundlesCount: federatedBundles(registry, trustDomain).length,
        entriesCount: registry.entryCount(trustDomain),
      };
    },
  });
}
