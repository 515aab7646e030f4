import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';

export type Header = readonly [name: string, value: string];
export const SECURITY_HEADER: Header = ['workload.spiffe.io', 'true'];

export interface Answer {
  /** gRPC status; 0 when a message came. */
  readonly code: number;
  readonly message?: Buffer;
}

/**
 * A client that knows nothing of Hauberk: bytes in, the first message or the status out. Unary and streaming calls begin alike, so that
 * all are made as streams.
 */
export function call(
  socket: string,
  method: string,
  headers: readonly Header[] = [SECURITY_HEADER],
  request: Uint8Array = Buffer.alloc(0),
): Promise<Answer> {
  const client = new Client(`unix:${socket}`, credentials.createInsecure());
  const metadata = new Metadata();
  for (const [name, value] of headers) metadata.add(name, value);
  const same = (bytes: Buffer): Buffer => bytes;
  return new Promise<Answer>((resolve) => {
    const stream = client.makeServerStreamRequest(method, same, same, Buffer.from(request), metadata);
    stream.on('data', (message: Buffer) => {
      resolve({ code: 0, message });
      stream.cancel();
    });
    stream.on('error', ({ code }: ServiceError) => resolve({ code }));
    stream.on('end', () => resolve({ code: 0 }));
  }).finally(() => client.close());
}
