import { createServer, type Server, type TlsOptions } from 'node:tls';
import type { Log } from '#kernel';
import { TLS_LISTENER } from '#wire';
import { pemCertificates } from '#x509';
import type { GateWorkload } from './gate-workload.ts';

const HANDSHAKE_MILLIS = 10_000;

/** A TLS server without a port: clients are brought to it. It asks for a certificate and judges none. */
export function tlsDoor(workload: GateWorkload, log: Log): Server {
  const server = createServer({
    ...identity(workload),
    requestCert: true,
    // Verified by the X509-SVID validator against the bundle of the client's own trust domain, not by OpenSSL against a pool of roots.
    rejectUnauthorized: false,
    ALPNProtocols: ['postgresql'],
    handshakeTimeout: HANDSHAKE_MILLIS,
  });
  server.on('tlsClientError', (error, socket) => {
    log.debug('a TLS handshake failed', { error });
    socket.destroy();
  });
  return server;
}

/** The gate's own certificate and key. Throws `IDENTITY_UNAVAILABLE`. */
export function identity(workload: GateWorkload): TlsOptions {
  const svid = workload.svid();
  return {
    cert: pemCertificates([...svid.chain]),
    key: svid.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    ...TLS_LISTENER,
    minVersion: 'TLSv1.3',
  };
}
