import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { Fault, faultCode } from '#kernel';
import { Secret, SPIFFECertValidatorConfig } from '#wire/gen/envoy/extensions/transport_sockets/tls/v3/secret';
import type {
  DeltaDiscoveryRequest,
  DiscoveryRequest,
  DiscoveryResponse,
} from '#wire/gen/envoy/service/discovery/v3/discovery';
import { SecretDiscoveryServiceDefinition } from '#wire/gen/envoy/service/secret/v3/sds';
import { entry, type House, withHouse } from './agent.harness.ts';

const TYPE = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret';
const SERVICE = 'spiffe://bank-a/service';
const [BANK, PLATFORM] = ['spiffe://bank-a', 'spiffe://platform.example'];

const ask = (request: Partial<DiscoveryRequest> = {}): DiscoveryRequest => ({
  versionInfo: '',
  node: undefined,
  resourceNames: [],
  typeUrl: TYPE,
  responseNonce: '',
  errorDetail: undefined,
  ...request,
});
const askDelta = (request: Partial<DeltaDiscoveryRequest> = {}): DeltaDiscoveryRequest => ({
  node: undefined,
  typeUrl: TYPE,
  resourceNamesSubscribe: [],
  resourceNamesUnsubscribe: [],
  initialResourceVersions: {},
  responseNonce: '',
  errorDetail: undefined,
  ...request,
});
const envoy = (minorNumber: number, metadata?: Record<string, unknown>) => ({
  id: 'envoy',
  cluster: '',
  metadata,
  userAgentName: 'envoy',
  userAgentBuildVersion: { version: { majorNumber: 1, minorNumber, patch: 0 } },
});
const secretsIn = ({ resources }: DiscoveryResponse): readonly Secret[] =>
  resources.map(({ typeUrl, value }) => {
    assert.equal(typeUrl, TYPE);
    return Secret.decode(value);
  });
const namesIn = (response: DiscoveryResponse): readonly string[] => secretsIn(response).map(({ name }) => name);
const validatorOf = (secret: Secret | undefined): readonly string[] => {
  const config = secret?.validationContext?.customValidatorConfig;
  assert.equal(config?.name, 'envoy.tls.cert_validator.spiffe');
  assert.equal(
    config?.typedConfig?.typeUrl,
    'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.SPIFFECertValidatorConfig',
  );
  const { trustDomains } = SPIFFECertValidatorConfig.decode(config?.typedConfig?.value ?? Buffer.alloc(0));
  for (const { trustBundle } of trustDomains) new X509Certificate(Buffer.from(trustBundle?.inlineBytes ?? []));
  return trustDomains.map(({ name }) => name);
};
const discovery = (house: House) => house.workload(SecretDiscoveryServiceDefinition, {});

/** A stream whose requests are written one by one. */
class Dialogue<Request, Response> {
  readonly #requests: Request[] = [];
  readonly #answers: AsyncIterator<Response>;
  #wake = (): void => {};

  constructor(open: (requests: AsyncIterable<Request>) => AsyncIterable<Response>) {
    this.#answers = open(this.#written())[Symbol.asyncIterator]();
  }

  say(request: Request): void {
    this.#requests.push(request);
    this.#wake();
  }

  async next(): Promise<Response> {
    const { value, done } = await this.#answers.next();
    assert.notEqual(done, true);
    return value;
  }

  async ask(request: Request): Promise<Response> {
    this.say(request);
    return this.next();
  }

  async *#written(): AsyncGenerator<Request> {
    for (;;) {
      const next = this.#requests.shift();
      if (next !== undefined) yield next;
      else
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
    }
  }
}

test('FetchSecrets: no names mean every SVID and every bundle; several names are all answered in one response', () =>
  withHouse(async (house) => {
    const client = discovery(house);
    const all = await client.fetchSecrets(ask());
    assert.deepEqual([...namesIn(all)].sort(), [BANK, PLATFORM, SERVICE].sort());
    const names = ['ALL', 'ROOTCA', 'default', BANK, PLATFORM, SERVICE];
    const some = await client.fetchSecrets(ask({ resourceNames: names, node: envoy(30) }));
    assert.deepEqual(namesIn(some), [...names].sort());
    const secrets = new Map(secretsIn(some).map((secret) => [secret.name, secret]));
    for (const name of ['default', SERVICE]) {
      const certificate = secrets.get(name)?.tlsCertificate;
      const leaf = new X509Certificate(Buffer.from(certificate?.certificateChain?.inlineBytes ?? []));
      assert.equal(leaf.subjectAltName, `URI:${SERVICE}`);
      assert.match(
        Buffer.from(certificate?.privateKey?.inlineBytes ?? []).toString(),
        /^-----BEGIN PRIVATE KEY-----\n/,
      );
    }
    for (const name of ['ROOTCA', BANK]) assert.deepEqual(validatorOf(secrets.get(name)), ['bank-a']);
    assert.deepEqual(validatorOf(secrets.get(PLATFORM)), ['platform.example']);
    assert.deepEqual(validatorOf(secrets.get('ALL')), ['bank-a', 'platform.example']);
  }));

test('an Envoy before 1.18, or one whose node says so, gets a plain pool of one trust domain, and never ALL', () =>
  withHouse(async (house) => {
    const client = discovery(house);
    for (const node of [
      envoy(17),
      envoy(30, { disable_spiffe_cert_validation: true }),
      envoy(30, { disable_spiffe_cert_validation: 'true' }),
    ]) {
      const [secret] = secretsIn(await client.fetchSecrets(ask({ resourceNames: ['ROOTCA'], node })));
      assert.equal(secret?.validationContext?.customValidatorConfig, undefined);
      new X509Certificate(Buffer.from(secret?.validationContext?.trustedCa?.inlineBytes ?? []));
      await assert.rejects(
        client.fetchSecrets(ask({ resourceNames: ['ALL'], node })),
        (error) => faultCode(error) === 'ARGUMENT_INVALID',
      );
    }
    const node = envoy(30, { disable_spiffe_cert_validation: 'no' });
    assert.deepEqual(validatorOf(secretsIn(await client.fetchSecrets(ask({ resourceNames: ['ROOTCA'], node })))[0]), [
      'bank-a',
    ]);
  }));

test("attack: another's identity, an unknown trust domain or another type is refused with the whole request", () =>
  withHouse(async (house) => {
    const client = discovery(house);
    const bad: readonly Partial<DiscoveryRequest>[] = [
      { resourceNames: ['default', 'spiffe://bank-a/nobody'] },
      { resourceNames: ['spiffe://bank-b'] },
      { resourceNames: ['spiffe://bank-a/'] },
      { typeUrl: 'type.googleapis.com/envoy.config.cluster.v3.Cluster' },
    ];
    for (const request of bad) {
      const refused = (error: unknown): boolean =>
        error instanceof Fault && error.code === 'ARGUMENT_INVALID' && error.details.grpcStatus === 3;
      await assert.rejects(client.fetchSecrets(ask(request)), refused);
      const stream = new Dialogue(client.streamSecrets);
      await assert.rejects(stream.ask(ask(request)), refused);
    }
  }));

test('StreamSecrets: acknowledgements and stale nonces are not answered, new names and new SVIDs are; NACKs are not answered again', () =>
  withHouse(async (house) => {
    const stream = new Dialogue(discovery(house).streamSecrets);
    const one = await stream.ask(ask({ resourceNames: ['default'], node: envoy(30) }));
    assert.deepEqual([one.versionInfo, namesIn(one)], ['1', ['default']]);
    const ack = { versionInfo: '1', responseNonce: one.nonce };
    stream.say(ask({ resourceNames: ['default'], ...ack }));
    stream.say(ask({ resourceNames: ['ROOTCA', 'ALL'], versionInfo: '1', responseNonce: 'stale' }));
    const two = await stream.ask(ask({ resourceNames: ['default', 'ALL'], ...ack }));
    assert.deepEqual([two.versionInfo, namesIn(two)], ['2', ['ALL', 'default']]);
    // The node was named in the first request only.
    assert.deepEqual(validatorOf(secretsIn(two)[0]), ['bank-a', 'platform.example']);
    const errorDetail = { code: 13, message: 'no', details: [] };
    stream.say(ask({ resourceNames: ['default', 'ALL'], versionInfo: '1', responseNonce: two.nonce, errorDetail }));
    await house.admin.apply({
      documentsJson: [JSON.stringify({ ...entry('service'), spec: { ...entry('service').spec, federatesWith: [] } })],
      dryRun: false,
    });
    const three = await stream.next();
    assert.deepEqual(validatorOf(secretsIn(three)[0]), ['bank-a']);
  }));

test('a stream ends with PermissionDenied when the last identity of its caller goes', () =>
  withHouse(async (house) => {
    const stream = new Dialogue(discovery(house).streamSecrets);
    await stream.ask(ask());
    const delta = new Dialogue(discovery(house).deltaSecrets);
    await delta.ask(askDelta());
    await house.removeEntry('service');
    for (const one of [stream, delta])
      await assert.rejects(one.next(), (error) => error instanceof Fault && error.details.grpcStatus === 7);
  }));

test('DeltaSecrets: a name is sent once, again when asked for again, and only what changed; unknown names are said to be absent', () =>
  withHouse(async (house) => {
    const client = discovery(house);
    const stream = new Dialogue(client.deltaSecrets);
    const second = 'spiffe://bank-a/second';
    const one = await stream.ask(askDelta({ resourceNamesSubscribe: ['ALL', second, SERVICE] }));
    assert.deepEqual(
      [one.resources.map(({ name }) => name).sort(), one.removedResources],
      [['ALL', SERVICE], [second]],
    );
    stream.say(askDelta({ responseNonce: one.nonce }));
    // One that comes into being is sent, and nothing that was sent before.
    await house.admin.apply({ documentsJson: [JSON.stringify(entry('second'))], dryRun: false });
    const two = await stream.next();
    assert.deepEqual([two.resources.map(({ name }) => name), two.removedResources], [[second], []]);
    const three = await stream.ask(askDelta({ resourceNamesSubscribe: ['ALL'], responseNonce: two.nonce }));
    assert.deepEqual(
      three.resources.map(({ name }) => name),
      ['ALL'],
    );
    stream.say(askDelta({ resourceNamesUnsubscribe: [SERVICE] }));
    await house.removeEntry('second');
    const four = await stream.next();
    assert.deepEqual([four.resources, four.removedResources], [[], [second]]);
    // A new stream says what its client holds: it gets only what differs.
    const version = three.resources[0]?.version ?? '';
    const resumed = new Dialogue(client.deltaSecrets);
    const five = await resumed.ask(
      askDelta({
        resourceNamesSubscribe: ['ALL', 'default'],
        initialResourceVersions: { ALL: version, default: 'old' },
      }),
    );
    assert.deepEqual(
      five.resources.map(({ name }) => name),
      ['default'],
    );
    const everything = await new Dialogue(client.deltaSecrets).ask(askDelta());
    assert.deepEqual(everything.resources.map(({ name }) => name).sort(), [BANK, PLATFORM, SERVICE].sort());
  }));
