import { Fault } from '#kernel';
import type { ServerClient } from './server-client.ts';

const ISSUE_MILLIS = 5000;

export interface IssuanceOptions {
  readonly trustDomain: string;
  /** Throws `IDENTITY_UNAVAILABLE` while there is none. */
  readonly server: () => ServerClient;
  readonly stop: AbortSignal;
}

/** SVIDs of entries, as the server issues them, each within a deadline. Throws what the server says; nothing is verified here. */
export class Issuance {
  readonly #options: IssuanceOptions;

  constructor(options: IssuanceOptions) {
    this.#options = options;
  }

  async x509(entryId: string, csr: Buffer): Promise<readonly Buffer[]> {
    const { trustDomain, server } = this.#options;
    const { results } = await server().issueX509Svids({ trustDomain, items: [{ entryId, csr }] }, this.inTime());
    return issued(results).certificateChain.map((der) => Buffer.from(der));
  }

  async jwt(entryId: string, audience: readonly string[]): Promise<{ token: string; issuedAt: number }> {
    const { trustDomain, server } = this.#options;
    const items = [{ entryId, audience: [...audience] }];
    const { results } = await server().issueJwtSvids({ trustDomain, items }, this.inTime());
    const { token, issuedAt } = issued(results);
    return { token, issuedAt: Number(issuedAt) };
  }

  async wit(entryId: string, publicKey: Buffer, signingAlgorithm: string): Promise<{ token: string }> {
    const { trustDomain, server } = this.#options;
    const items = [{ entryId, publicKey, signingAlgorithm }];
    const { results } = await server().issueWitSvids({ trustDomain, items }, this.inTime());
    return issued(results);
  }

  /** For what the server is asked that it answers at once. */
  inTime(): AbortSignal {
    return AbortSignal.any([this.#options.stop, AbortSignal.timeout(ISSUE_MILLIS)]);
  }
}

/** The one result of an issuance. Throws what the server says. */
function issued<Result extends { readonly code: string; readonly message: string }>(
  results: readonly Result[],
): Result {
  const [result] = results;
  if (result === undefined) throw new Fault('IDENTITY_UNAVAILABLE', 'the server issued nothing');
  if (result.code !== '') throw new Fault(result.code, result.message);
  return result;
}
