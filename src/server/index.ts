export type { ServerConfig } from './config.ts';
export { type RunningServer, type ServerOptions, startServer } from './start-server.ts';
