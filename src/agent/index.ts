export type { AgentConfig } from './config.ts';
export { type AgentOptions, type RunningAgent, startAgent } from './start-agent.ts';
