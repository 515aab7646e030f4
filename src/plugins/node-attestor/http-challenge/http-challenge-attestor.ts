import { lookup } from 'node:dns/promises';
import { request } from 'node:http';
import { isIP } from 'node:net';
import {
  type AttestedNode,
  malformed,
  type NodeAttestor,
  type NodeEvidence,
  readEvidence,
  refused,
  textField,
} from '#attestation';
import { equalSecrets, type Random } from '#kernel';
import { isPublicAddress } from './public-address.ts';

export interface HttpChallengeOptions {
  /** Host names that may attest, each a name or `*.` and a suffix; none: any name. */
  readonly hosts: readonly string[];
  readonly requiredPort?: number;
  /** Only root may listen below 1024, so that an ordinary user of a host cannot attest for it. */
  readonly allowNonRootPorts: boolean;
  /** Loopback, private and link-local addresses: a server that dials them for strangers opens its own network to them. */
  readonly allowPrivateTargets: boolean;
  /** The first to attest for a host has it; without this it may attest again. */
  readonly trustOnFirstUse: boolean;
  readonly random: Random;
  /** All addresses of a name; the system's resolver where none is given. */
  readonly resolve?: (hostname: string) => Promise<readonly string[]>;
}

const HOST_NAME = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/;
const AGENT_NAME = /^[A-Za-z0-9_-]{1,63}$/;
const TIMEOUT_MILLIS = 10_000;
const MAX_ANSWER_BYTES = 64;

/** A node proves a host name by serving a nonce there over HTTP, as SPIRE's attestor of this name. */
export class HttpChallengeAttestor implements NodeAttestor {
  readonly type = 'http_challenge';
  readonly #options: HttpChallengeOptions;

  constructor(options: HttpChallengeOptions) {
    this.#options = options;
  }

  async attest({ payload, challenge }: NodeEvidence, signal: AbortSignal): Promise<AttestedNode> {
    const { hostname, agentName, port } = this.#parse(payload);
    const nonce = Buffer.from(this.#options.random.bytes(32)).toString('base64url');
    await challenge(Buffer.from(JSON.stringify({ nonce })));
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MILLIS)]);
    const address = await this.#addressOf(hostname);
    const path = `/.well-known/spiffe/nodeattestor/http_challenge/${agentName}/challenge`;
    const answer = await fetchText({ hostname, address, port, path }, deadline);
    if (!equalSecrets(answer.trim(), nonce)) throw refused('the host does not serve the nonce');
    return {
      path: `/spire/agent/http_challenge/${hostname}`,
      selectors: [`http_challenge:hostname:${hostname}`],
      canReattest: !this.#options.trustOnFirstUse,
    };
  }

  #parse(payload: Buffer): { readonly hostname: string; readonly agentName: string; readonly port: number } {
    const evidence = readEvidence(payload);
    const hostname = textField(evidence, 'hostname');
    const agentName = textField(evidence, 'agentname');
    const { port } = evidence;
    if (!HOST_NAME.test(hostname) || isIP(hostname) !== 0 || hostname === 'localhost')
      throw malformed('hostname is no name of a host');
    if (!AGENT_NAME.test(agentName)) throw malformed('agentname has 1 to 63 characters of a-z A-Z 0-9 _ -');
    if (typeof port !== 'number' || !Number.isInteger(port) || port < 1 || port > 65_535)
      throw malformed('port is no port');
    const { hosts, requiredPort, allowNonRootPorts } = this.#options;
    if (requiredPort !== undefined && port !== requiredPort) throw malformed('this port is not allowed');
    if (!allowNonRootPorts && port >= 1024) throw malformed('port is not allowed to be >= 1024');
    if (hosts.length > 0 && !hosts.some((pattern) => matches(hostname, pattern)))
      throw refused('this host is not one that may attest');
    return { hostname, agentName, port };
  }

  /** One address of the name, which is dialled as it is: what a second lookup would say does not matter. */
  async #addressOf(hostname: string): Promise<string> {
    const { resolve = resolveBySystem, allowPrivateTargets } = this.#options;
    const addresses = await resolve(hostname).catch((cause: unknown) => {
      throw refused('the name of the host cannot be resolved', cause);
    });
    const [first] = addresses;
    if (first === undefined) throw refused('the name of the host has no address');
    if (!allowPrivateTargets && !addresses.every(isPublicAddress))
      throw refused('the host is not on the public network');
    return first;
  }
}

function matches(hostname: string, pattern: string): boolean {
  return pattern.startsWith('*.') ? hostname.endsWith(pattern.slice(1)) : hostname === pattern;
}

async function resolveBySystem(hostname: string): Promise<readonly string[]> {
  return (await lookup(hostname, { all: true })).map(({ address }) => address);
}

interface Target {
  readonly hostname: string;
  readonly address: string;
  readonly port: number;
  readonly path: string;
}

/** GET; only a 200 counts, so that no redirect is followed, and only the first bytes are read. */
function fetchText({ hostname, address, port, path }: Target, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const fail = (cause: unknown): void => reject(refused('the host does not answer', cause));
    const headers = { host: port === 80 ? hostname : `${hostname}:${port}` };
    const call = request({ host: address, port, path, headers, agent: false, signal }, (response) => {
      if (response.statusCode !== 200) {
        response.destroy();
        reject(refused('the host does not serve the challenge'));
        return;
      }
      let bytes = Buffer.alloc(0);
      response.on('data', (chunk: Buffer) => {
        bytes = Buffer.concat([bytes, chunk]);
        if (bytes.length > MAX_ANSWER_BYTES) response.destroy();
      });
      response.once('error', fail);
      response.once('close', () => resolve(bytes.subarray(0, MAX_ANSWER_BYTES).toString('latin1')));
    });
    call.once('error', fail);
    call.end();
  });
}
