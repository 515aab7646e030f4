import { FILE_DESCRIPTORS, type FileDescriptor } from '#wire/gen/descriptors';
import {
  type ServerReflectionRequest,
  type ServerReflectionResponse,
  ServerReflectionDefinition as V1,
} from '#wire/gen/reflection';
import { ServerReflectionDefinition as V1Alpha } from '#wire/gen/reflection_v1alpha';
import { bindService, QUESTION, type ServiceBinding } from './bind-service.ts';
import { STATUS_CODE } from './status-code.ts';

/** gRPC server reflection, v1 and v1alpha (the same messages): names these services and itself, and gives their file descriptors. */
export function reflectionServices<Caller>(serviceNames: readonly string[]): readonly ServiceBinding<Caller>[] {
  const names = [...serviceNames, V1.fullName, V1Alpha.fullName].sort();
  const visible = closureOf(FILE_DESCRIPTORS.filter(({ symbols }) => names.some((name) => symbols.includes(name))));
  const handler = {
    serverReflectionInfo: async function* (requests: AsyncIterable<ServerReflectionRequest>) {
      for await (const request of requests) yield answer(request, names, visible);
    },
  };
  const options = { limits: QUESTION };
  return [
    bindService<typeof V1, Caller>(V1, handler, undefined, options),
    bindService<typeof V1Alpha, Caller>(V1Alpha, handler, undefined, options),
  ];
}

function answer(
  request: ServerReflectionRequest,
  names: readonly string[],
  visible: readonly FileDescriptor[],
): ServerReflectionResponse {
  const base = { validHost: request.host, originalRequest: request };
  if (request.listServices !== undefined)
    return { ...base, listServicesResponse: { service: names.map((name) => ({ name })) } };
  const { fileByFilename, fileContainingSymbol } = request;
  if (fileByFilename !== undefined) return { ...base, ...files(visible.find(({ name }) => name === fileByFilename)) };
  if (fileContainingSymbol !== undefined)
    return { ...base, ...files(visible.find(({ symbols }) => symbols.includes(fileContainingSymbol))) };
  const type = request.allExtensionNumbersOfType;
  // proto3 has no extensions but of options, and none is declared here.
  if (type !== undefined && visible.some(({ symbols }) => symbols.includes(type)))
    return { ...base, allExtensionNumbersResponse: { baseTypeName: type, extensionNumber: [] } };
  return { ...base, ...files(undefined) };
}

function files(
  file: FileDescriptor | undefined,
): Pick<ServerReflectionResponse, 'fileDescriptorResponse' | 'errorResponse'> {
  if (file === undefined) return { errorResponse: { errorCode: STATUS_CODE.NOT_FOUND, errorMessage: 'not found' } };
  const fileDescriptorProto = closureOf([file]).map(({ proto }) => Buffer.from(proto, 'base64'));
  return { fileDescriptorResponse: { fileDescriptorProto } };
}

/** The files and everything they import, each once, the asked ones first. */
function closureOf(roots: readonly FileDescriptor[]): readonly FileDescriptor[] {
  const found = new Set(roots);
  for (const { dependencies } of found)
    for (const name of dependencies) {
      const file = FILE_DESCRIPTORS.find((one) => one.name === name);
      if (file !== undefined) found.add(file);
    }
  return [...found];
}
