import { constants } from 'node:crypto';

/**
 * What every TLS listener of ours says of its transport, and says again with each certificate: `setSecureContext` keeps nothing of what was said
 * before. A resumed session would skip the peer's proof; a renegotiation would change who proved what, and costs the listener a signature.
 */
export const TLS_LISTENER = {
  minVersion: 'TLSv1.2',
  secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
} as const;
