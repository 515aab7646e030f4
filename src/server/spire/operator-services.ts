import { X509Certificate } from 'node:crypto';
import { type Clock, Fault, type LogLevel as Level } from '#kernel';
import type { ServiceBinding } from '#rpc';
import { HealthDefinition, HealthCheckResponse_ServingStatus as Serving } from '#wire/gen/health';
import { DebugDefinition } from '#wire/gen/spire/api/server/debug';
import { LoggerDefinition } from '#wire/gen/spire/api/server/logger';
import { type Logger, LogLevel } from '#wire/gen/spire/api/types';
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
    return (await state.canIssue(trustDomain)) ? Serving.SERVING : Serving.NOT_SERVING;
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
        await pause(clock, signal);
      }
    },
  });
}

function pause(clock: Clock, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = clock.at(clock.now() + WATCH_MILLIS, () => done());
    const done = (): void => {
      timer.cancel();
      signal.removeEventListener('abort', done);
      resolve();
    };
    if (signal.aborted) done();
    else signal.addEventListener('abort', done, { once: true });
  });
}

const LEVELS: Readonly<Record<Level, LogLevel>> = {
  debug: LogLevel.DEBUG,
  info: LogLevel.INFO,
  warn: LogLevel.WARN,
  error: LogLevel.ERROR,
};
/** SPIRE's levels; ours are four. */
const NEAREST: Readonly<Partial<Record<LogLevel, Level>>> = {
  [LogLevel.PANIC]: 'error',
  [LogLevel.FATAL]: 'error',
  [LogLevel.ERROR]: 'error',
  [LogLevel.WARN]: 'warn',
  [LogLevel.INFO]: 'info',
  [LogLevel.DEBUG]: 'debug',
  [LogLevel.TRACE]: 'debug',
};

function loggerService(gate: Gate): ServiceBinding<SpireCaller> {
  const { logLevel } = gate;
  const now = (): Logger => ({ currentLevel: LEVELS[logLevel.current], launchLevel: LEVELS[logLevel.launch] });
  return bindSpire(gate, LoggerDefinition, {
    getLogger: async () => now(),
    setLogLevel: async ({ newLevel }) => {
      const level = NEAREST[newLevel];
      if (level === undefined) throw new Fault('ARGUMENT_INVALID', 'no such log level');
      logLevel.set(level);
      return now();
    },
    resetLogLevel: async () => {
      logLevel.reset();
      return now();
    },
  });
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
            subject: certificate.subject.split('\n').join(','),
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
