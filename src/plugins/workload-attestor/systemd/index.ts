export { SystemdAttestor, type SystemdAttestorOptions } from './systemd-attestor.ts';
