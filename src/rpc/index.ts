export { type BindOptions, bindService, type MethodLimits, QUESTION, type ServiceBinding } from './bind-service.ts';
export { createClient } from './create-client.ts';
export { dialTls, type TlsDial } from './dial-tls.ts';
export { loggerHandlers } from './logger-handlers.ts';
export {
  assertCallersAreNamed,
  isAlive,
  type PeerCredentials,
  peerCredentials,
  releasePidfd,
} from './peer-credentials.ts';
export { reflectionServices } from './reflection.ts';
export { presentToAll, serveTls, type TlsIdentity, type TlsServer, type TlsServerOptions } from './serve-tls.ts';
export { serveUnix, type UnixServerOptions } from './serve-unix.ts';
export type { StatusMapping } from './status.ts';
export { STATUS_CODE } from './status-code.ts';
export { Turns } from './turns.ts';
