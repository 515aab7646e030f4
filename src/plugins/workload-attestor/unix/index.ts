export { UnixAttestor, type UnixAttestorOptions } from './unix-attestor.ts';
