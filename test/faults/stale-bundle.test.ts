import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:https';
import { test } from 'node:test';
import { pemCertificates } from '#x509';
import { type Forged, forge } from '../forge/certificate.ts';
import { ask, type Kept } from './ask.ts';
import { documentsOf } from './documents.ts';
import { FAKETIME, House } from './house.ts';

const skip = FAKETIME === undefined ? 'Debian’s package faketime is not installed' : false;
const HOUR = 3_600_000;
const HEAL_MILLIS = 60_000;
const OTHER = 'other.example';

const pemOf = ({ key }: Forged): string => String(key.export({ type: 'pkcs8', format: 'pem' }));
const times = (hours: number) => ({ notBefore: Date.now() - HOUR, notAfter: Date.now() + hours * HOUR });
const web = forge({ ca: true, subject: 'web', ...times(100) });
const endpoint = forge({ dnsNames: ['localhost'], ...times(100) }, web);

/** An authority of the other trust domain, and its client. */
function authority(hours: number): { readonly root: Forged; readonly client: Kept } {
  const root = forge({ ca: true, uris: [`spiffe://${OTHER}`], ...times(hours) });
  const leaf = forge({ uris: [`spiffe://${OTHER}/client`], ...times(hours) }, root);
  return { root, client: { key: pemOf(leaf), cert: pemCertificates([leaf.der]) } };
}

/** The other trust domain's bundle endpoint, which says what it is told to say. */
class Endpoint {
  readonly #server: Server;
  port = 0;
  bundle = '';

  constructor() {
    const identity = { key: pemOf(endpoint), cert: pemCertificates([endpoint.der]) };
    this.#server = createServer(identity, (_request, response) => response.end(this.bundle));
  }

  say(sequence: number, { der }: Forged): void {
    const keys = [{ ...jwkOf(der), use: 'x509-svid', x5c: [der.toString('base64')] }];
    this.bundle = JSON.stringify({ keys, spiffe_sequence: sequence, spiffe_refresh_hint: 60 });
  }

  async open(): Promise<void> {
    this.#server.listen(this.port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.port = (Object(this.#server.address()) as { port: number }).port;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

function jwkOf(der: Buffer): object {
  return new X509Certificate(der).publicKey.export({ format: 'jwk' });
}

test('a bundle endpoint that says something old, or nothing: what is known is kept until it ends, doctor says so, and it heals by itself', {
  skip,
}, async () => {
  const house = await House.open({ movable: true, webRoots: pemCertificates([web.der]) });
  const far = new Endpoint();
  const [first, second] = [authority(3), authority(100)];
  const doctor = async (): Promise<string> => {
    const { screen } = await house.command('doctor');
    return (
      screen
        .split('\n')
        .find((line) => line.includes(`bundle of ${OTHER} in bank-a`))
        ?.trim() ?? screen
    );
  };
  const answers = async (client: Kept, expected: RegExp): Promise<void> => {
    let answer = '';
    for (const deadline = performance.now() + HEAL_MILLIS; ; ) {
      answer = await ask(house, client);
      if (expected.test(answer)) return;
      assert.ok(performance.now() < deadline, `${answer}\n${house.logs()}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  try {
    far.say(7, first.root);
    await far.open();
    const federation = {
      apiVersion: 'hauberk.dev/v1',
      kind: 'Federation',
      metadata: { name: OTHER, trustDomain: 'bank-a' },
      spec: { bundleEndpointUrl: `https://localhost:${far.port}/`, bundleEndpointProfile: { type: 'https_web' } },
    };
    await house.apply(federation);
    const place = { caller: house.parent('one'), service: house.parent('two'), port: house.servicePort };
    await house.apply(...documentsOf({ ...place, other: OTHER }));
    await answers(first.client, / 200 /);
    assert.match(await doctor(), /^ok /);

    // Of before a rotation, replayed by somebody: not taken.
    far.say(6, second.root);
    house.moveClock('+2m');
    await answersOnce(doctor, /^warning .*FEDERATION_BUNDLE_STALE/);
    await answers(first.client, / 200 /);
    assert.match(await ask(house, second.client), /PEER_CHAIN_UNTRUSTED/);

    await far.close();
    house.moveClock('+4m');
    await answersOnce(doctor, /^warning .*FEDERATION_ENDPOINT_UNAVAILABLE/);
    await answers(first.client, / 200 /);
    // It ends as its authorities said, whether or not anybody says what comes after.
    house.moveClock('+4h');
    await answersOnce(doctor, /^FAILED /);
    await answers(first.client, /PEER_CERTIFICATE_EXPIRED|PEER_CHAIN_UNTRUSTED/);

    far.say(8, second.root);
    await far.open();
    house.moveClock('+245m');
    await answers(second.client, / 200 /);
    assert.match(await doctor(), /^ok /);
    await house.until('one', 'green');
  } finally {
    await far.close();
    await house.close();
  }
});

async function answersOnce(doctor: () => Promise<string>, expected: RegExp): Promise<void> {
  for (const deadline = performance.now() + HEAL_MILLIS; ; ) {
    const said = await doctor();
    if (expected.test(said)) return;
    assert.ok(performance.now() < deadline, said);
  }
}
