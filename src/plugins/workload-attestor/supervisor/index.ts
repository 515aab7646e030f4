export { SupervisorAttestor } from './supervisor-attestor.ts';
