export type { AgentConfig, AgentSettings } from './config.ts';
export { type AgentOptions, type RunningAgent, startAgent } from './start-agent.ts';
