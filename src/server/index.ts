export { backup, restore, upgrade } from './backup.ts';
export type { ServerConfig } from './config.ts';
export { readServerConfig } from './config.ts';
export { readPassphrase } from './passphrase.ts';
export { type RunningServer, type ServerOptions, startServer } from './start-server.ts';
