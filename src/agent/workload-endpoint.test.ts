import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import { fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { credentials, Client as GrpcClient, status as grpcStatus, Metadata, type ServiceError } from '@grpc/grpc-js';
import { createClient } from '#rpc';
import { dialUnix } from '#wire';
import {
  type ServerReflectionRequest,
  type ServerReflectionResponse,
  ServerReflectionDefinition as V1,
} from '#wire/gen/reflection';
import { ServerReflectionDefinition as V1Alpha } from '#wire/gen/reflection_v1alpha';
import { SpiffeWorkloadAPIDefinition, X509SVIDResponse } from '#wire/gen/workloadapi';
import { first, until, withHouse } from './agent.harness.ts';

const METHODS = Object.values(SpiffeWorkloadAPIDefinition.methods).map(({ name }) => name);
const EMPTY = Buffer.alloc(0);

/** A client that knows nothing of Hauberk: bytes in, bytes out. Both kinds of calls begin alike, so that all are made as streams. */
function call(socket: string, path: string, headers: readonly [string, string][]): Promise<Buffer> {
  const client = new GrpcClient(`unix:${socket}`, credentials.createInsecure());
  const metadata = new Metadata();
  for (const [key, value] of headers) metadata.add(key, value);
  const same = (bytes: Buffer): Buffer => bytes;
  return new Promise<Buffer>((resolve, reject) => {
    const stream = client.makeServerStreamRequest(path, same, same, EMPTY, metadata);
    stream.on('data', (bytes: Buffer) => {
      resolve(bytes);
      stream.cancel();
    });
    stream.on('error', reject);
    stream.on('end', () => resolve(EMPTY));
  }).finally(() => client.close());
}

async function* only<T>(message: T): AsyncGenerator<T> {
  yield message;
}

const refusedAs =
  (status: number, code?: string) =>
  (error: ServiceError): boolean => {
    assert.equal(error.code, status, error.details);
    if (code !== undefined) assert.deepEqual(error.metadata.get('hauberk-code'), [code]);
    return true;
  };

test('E-1, E-4: a client that is not ours gets its SVID over plain HTTP/2 on the Unix socket', () =>
  withHouse(async ({ socket }) => {
    const bytes = await call(socket, '/SpiffeWorkloadAPI/FetchX509SVID', [['workload.spiffe.io', 'true']]);
    assert.equal(X509SVIDResponse.decode(bytes).svids[0]?.spiffeId, 'spiffe://bank-a/service');
  }));

test('E-2: on all seven methods the header is required, exactly once and exactly so', () =>
  withHouse(async ({ socket }) => {
    const bad: readonly (readonly [string, string][])[] = [
      [],
      [['workload.spiffe.io', 'True']],
      [['workload.spiffe.io', 'true,true']],
      [
        ['workload.spiffe.io', 'true'],
        ['workload.spiffe.io', 'true'],
      ],
      [
        ['workload.spiffe.io', 'true'],
        ['workload.spiffe.io', 'false'],
      ],
    ];
    for (const method of METHODS)
      for (const headers of bad)
        await assert.rejects(
          call(socket, `/SpiffeWorkloadAPI/${method}`, headers),
          refusedAs(grpcStatus.INVALID_ARGUMENT, 'IDENTITY_HEADER_MISSING'),
        );
  }));

test('A-2, E-11: the service has the seven methods of the standard; another is Unimplemented', () =>
  withHouse(async ({ socket }) => {
    assert.equal(METHODS.length, 7);
    await assert.rejects(
      call(socket, '/SpiffeWorkloadAPI/NoSuchMethod', [['workload.spiffe.io', 'true']]),
      refusedAs(grpcStatus.UNIMPLEMENTED),
    );
  }));

for (const definition of [V1, V1Alpha])
  test(`E-12, A-2: ${definition.fullName} names the services and gives descriptors with exactly the seven methods`, () =>
    withHouse(async ({ workload }) => {
      const ask = async (request: Partial<ServerReflectionRequest>): Promise<ServerReflectionResponse> =>
        first(workload(definition, {}).serverReflectionInfo(only({ host: '', ...request })));
      const { listServicesResponse } = await ask({ listServices: '*' });
      assert.deepEqual(
        listServicesResponse?.service.map(({ name }) => name),
        [
          'SpiffeWorkloadAPI',
          'envoy.service.secret.v3.SecretDiscoveryService',
          'grpc.health.v1.Health',
          'grpc.reflection.v1.ServerReflection',
          'grpc.reflection.v1alpha.ServerReflection',
          'hauberk.workload.v1.EnforcementPoint',
        ],
      );
      const bySymbol = await ask({ fileContainingSymbol: 'SpiffeWorkloadAPI.FetchJWTSVID' });
      const files = (bySymbol.fileDescriptorResponse?.fileDescriptorProto ?? []).map((bytes) =>
        fromBinary(FileDescriptorProtoSchema, bytes),
      );
      assert.deepEqual(
        files.map(({ name }) => name),
        ['workloadapi.proto', 'google/protobuf/struct.proto'],
      );
      assert.deepEqual(files[0]?.service[0]?.method.map(({ name }) => name).sort(), [...METHODS].sort());
      assert.ok((await ask({ fileByFilename: 'google/protobuf/struct.proto' })).fileDescriptorResponse !== undefined);
      // What is served on the admin socket only is not told here.
      for (const unknown of [
        { fileContainingSymbol: 'hauberk.agent.v1.Supervisor' },
        { fileByFilename: 'hauberk_admin.proto' },
        { fileContainingExtension: { containingType: 'X509SVID', extensionNumber: 1 } },
        { allExtensionNumbersOfType: 'NoSuch' },
        {},
      ])
        assert.equal((await ask(unknown)).errorResponse?.errorCode, grpcStatus.NOT_FOUND);
    }));

test('the admin services are not on the socket that is open to everybody', () =>
  withHouse(async ({ socket }) => {
    for (const method of ['Register', 'ProvideJoinToken', 'Explain', 'Status'])
      await assert.rejects(
        call(socket, `/hauberk.agent.v1.Supervisor/${method}`, [['workload.spiffe.io', 'true']]),
        refusedAs(grpcStatus.UNIMPLEMENTED),
      );
  }));

test('no caller holds up another: connections that say nothing, garbage, and 300 callers at once', () =>
  withHouse(async ({ socket, supervisor }) => {
    const silent = Array.from({ length: 50 }, () => connect({ path: socket }));
    const garbage = Array.from({ length: 20 }, () => connect({ path: socket }));
    for (const one of [...silent, ...garbage]) one.on('error', () => undefined);
    for (const one of garbage) one.write(Buffer.alloc(10_000, 0xff));
    const clients = Array.from({ length: 300 }, () =>
      createClient(SpiffeWorkloadAPIDefinition, {
        dial: () => dialUnix(socket),
        metadata: { 'workload.spiffe.io': 'true' },
      }),
    );
    const answers = await Promise.all(clients.map((client) => first(client.fetchX509SVID({}))));
    assert.ok(answers.every(({ svids }) => svids[0]?.spiffeId === 'spiffe://bank-a/service'));
    for (const client of clients) await client.close();
    for (const one of [...silent, ...garbage]) one.destroy();
    await until(async () => (await supervisor.status({})).healthy);
    const bank = (await supervisor.status({})).trustDomains.find(({ name }) => name === 'bank-a');
    assert.equal(bank?.svids, 1);
  }));
