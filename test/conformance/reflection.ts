import { fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { ServerReflectionDefinition } from '#wire/gen/reflection';
import { first, type House } from '../../src/agent/agent.harness.ts';

async function* only<T>(one: T): AsyncGenerator<T> {
  yield one;
}

/** Names of the services on the workload socket, as its reflection tells them. */
export async function services(house: House): Promise<readonly string[]> {
  const reflection = house.workload(ServerReflectionDefinition, {});
  const { listServicesResponse } = await first(reflection.serverReflectionInfo(only({ host: '', listServices: '*' })));
  return (listServicesResponse?.service ?? []).map(({ name }) => name);
}

/** Names of a service's methods. */
export async function methodsOf(house: House, service: string): Promise<readonly string[]> {
  const reflection = house.workload(ServerReflectionDefinition, {});
  const answer = await first(reflection.serverReflectionInfo(only({ host: '', fileContainingSymbol: service })));
  const files = (answer.fileDescriptorResponse?.fileDescriptorProto ?? []).map((bytes) =>
    fromBinary(FileDescriptorProtoSchema, bytes),
  );
  return files.flatMap((file) =>
    file.service.filter(({ name }) => service.endsWith(name)).flatMap(({ method }) => method.map(({ name }) => name)),
  );
}
