export { DockerAttestor, type DockerAttestorOptions } from './docker-attestor.ts';
