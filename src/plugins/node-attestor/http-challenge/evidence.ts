import { createServer, type Server } from 'node:http';
import { type NodeEvidenceSource, readEvidence, textField } from '#attestation';
import { Fault } from '#kernel';

export interface HttpChallengeEvidenceOptions {
  readonly hostname: string;
  /** Tells agents of one host apart. */
  readonly agentName: string;
  /** Where the nonce is served, and where the server looks for it. */
  readonly port: number;
}

/** Serves the nonce under the host's name for as long as the attestation takes. */
export function httpChallengeEvidence(options: HttpChallengeEvidenceOptions): NodeEvidenceSource {
  const { hostname, agentName, port } = options;
  let server: Server | undefined;
  return {
    type: 'http_challenge',
    payload: async () => Buffer.from(JSON.stringify({ hostname, agentname: agentName, port })),
    respond: async (challenge) => {
      server = await serve(agentName, port, textField(readEvidence(challenge), 'nonce'));
      return Buffer.from('\n');
    },
    done: async () => {
      server?.closeAllConnections();
      await new Promise<void>((resolve) => (server === undefined ? resolve() : server.close(() => resolve())));
      server = undefined;
    },
  };
}

function serve(agentName: string, port: number, nonce: string): Promise<Server> {
  const path = `/.well-known/spiffe/nodeattestor/http_challenge/${agentName}/challenge`;
  const server = createServer((request, response) => {
    if (request.method === 'GET' && request.url === path) response.end(nonce);
    else response.writeHead(404).end();
  });
  return new Promise((resolve, reject) => {
    server.once('error', (cause) =>
      reject(new Fault('PORT_OCCUPIED', `the nonce cannot be served on port ${port}`, { cause })),
    );
    server.listen(port, () => resolve(server));
  });
}
