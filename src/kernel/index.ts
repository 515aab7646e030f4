export { type Clock, ManualClock, type Scheduled, systemClock, unixSeconds } from './clock.ts';
export { Fault, type FaultOptions, faultCode, isFault, toFault } from './fault.ts';
export { isJsonObject, type JsonObject, type JsonOptions, type JsonValue, readJson } from './json.ts';
export { type Closeable, Lifecycle } from './lifecycle.ts';
export { LIMITS } from './limits.ts';
export { createLog, type Log, type LogFields, type LogLevel, type LogOptions, LogThreshold, silentLog } from './log.ts';
export { pooledRandom } from './pooled-random.ts';
export { type Random, randomBase64url, randomFraction, randomHex, systemRandom } from './random.ts';
export { equalSecrets, Secret } from './secret.ts';
