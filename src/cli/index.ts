export { commandLine, runCommandLine } from './program.ts';
