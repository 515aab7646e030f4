import { request as httpRequest, type IncomingMessage } from 'node:http';
import { connect, type TLSSocket } from 'node:tls';
import { Fault, isFault, LIMITS } from '#kernel';
import { type ParsedBundle, parseBundle, type TrustDomain } from '#spiffe';
import { peerChain } from '#wire';

/** How the server of a bundle endpoint proves itself (Federation §5.2). */
export type EndpointProof =
  | {
      readonly type: 'https_web';
      /** PEM, in place of the system's roots. */
      readonly roots?: string;
    }
  | {
      readonly type: 'https_spiffe';
      /** Judges the chain (DER, leaf first) before the request is sent. */
      readonly verify: (chain: readonly Buffer[]) => void;
    };

export interface BundleQuestion {
  readonly url: string;
  readonly trustDomain: TrustDomain;
  readonly proof: EndpointProof;
}

const DEADLINE_MILLIS = 10_000;

/**
 * Fetches a bundle from its endpoint: within 10 s, no more bytes than a bundle may have, no redirect followed, so that neither the address
 * nor what proves it is another's choice. Throws `FEDERATION_ENDPOINT_UNAVAILABLE`, `FEDERATION_ENDPOINT_UNTRUSTED`, `BUNDLE_INVALID`.
 */
export async function fetchBundle(
  { url, trustDomain, proof }: BundleQuestion,
  signal?: AbortSignal,
): Promise<ParsedBundle> {
  const deadline = AbortSignal.timeout(DEADLINE_MILLIS);
  const stop = signal === undefined ? deadline : AbortSignal.any([deadline, signal]);
  const target = new URL(url);
  let socket: TLSSocket | undefined;
  const cut = (): void => {
    socket?.destroy(new Fault('DEADLINE_EXCEEDED', 'the bundle endpoint did not answer in time'));
  };
  stop.addEventListener('abort', cut, { once: true });
  try {
    socket = open(target, proof);
    await proven(socket, proof);
    const response = await ask(target, socket);
    if (response.statusCode !== 200) throw unavailable(`it answers ${response.statusCode}`);
    return parseBundle(await bodyOf(response), trustDomain);
  } catch (cause) {
    throw isFault(cause) && cause.code !== 'DEADLINE_EXCEEDED' ? cause : unavailable('nothing sound answers', cause);
  } finally {
    stop.removeEventListener('abort', cut);
    socket?.destroy();
  }
}

function open({ hostname, port }: URL, proof: EndpointProof): TLSSocket {
  const host = hostname.replace(/^\[|\]$/g, '');
  const isName = /[a-z]/i.test(host) && !host.includes(':');
  return connect({
    host,
    port: port === '' ? 443 : Number(port),
    ALPNProtocols: ['http/1.1'],
    minVersion: 'TLSv1.2',
    rejectUnauthorized: proof.type === 'https_web',
    ...(isName ? { servername: host } : {}),
    ...(proof.type === 'https_web' && proof.roots !== undefined ? { ca: proof.roots } : {}),
  });
}

/** Waits for the handshake and judges the peer, before a byte is sent. */
function proven(socket: TLSSocket, proof: EndpointProof): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('error', (error) => reject(isFault(error) ? error : refusalOf(error)));
    socket.once('secureConnect', () => {
      try {
        if (proof.type === 'https_spiffe') proof.verify(peerChain(socket));
        resolve();
      } catch (cause) {
        reject(new Fault('FEDERATION_ENDPOINT_UNTRUSTED', 'the bundle endpoint is not who it has to be', { cause }));
      }
    });
  });
}

/** What Node says of a certificate that it refuses, apart from a connection that fails. */
function refusalOf(cause: NodeJS.ErrnoException): Fault {
  const isVerdict = /^(ERR_TLS_CERT|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|INVALID_CA)/.test(cause.code ?? '');
  return isVerdict
    ? new Fault('FEDERATION_ENDPOINT_UNTRUSTED', 'the certificate of the bundle endpoint is not accepted', { cause })
    : unavailable('no connection', cause);
}

function ask(target: URL, socket: TLSSocket): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({
      createConnection: () => socket,
      host: target.hostname,
      path: `${target.pathname}${target.search}`,
      headers: { host: target.host, accept: 'application/json', connection: 'close' },
    });
    request.once('response', resolve);
    request.once('error', reject);
    socket.once('close', () => reject(unavailable('the connection ended')));
    request.end();
  });
}

async function bodyOf(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response) {
    const bytes = Buffer.from(chunk);
    length += bytes.length;
    if (length > LIMITS.bundleBytes.value) throw new Fault('BUNDLE_INVALID', 'the bundle is larger than the limit');
    chunks.push(bytes);
  }
  return Buffer.concat(chunks);
}

function unavailable(why: string, cause?: unknown): Fault {
  return new Fault('FEDERATION_ENDPOINT_UNAVAILABLE', `the bundle endpoint gave no bundle: ${why}`, {
    ...(cause === undefined ? {} : { cause }),
  });
}
