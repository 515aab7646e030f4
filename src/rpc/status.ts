import { status as grpcStatus, Metadata } from '@grpc/grpc-js';
import { reasonCode } from '#chain';
import { toFault } from '#kernel';

const CODE = 'hauberk-code';
const ID = 'hauberk-id';
const DETAILS = 'hauberk-details';

export interface Refusal {
  readonly code: number;
  readonly details: string;
  readonly metadata: Metadata;
}

/** A thrown value as gRPC status: `CODE: sentence`, with code, id and details in the trailers. Causes stay behind. */
export function toStatus(error: unknown): Refusal {
  const fault = toFault(error);
  const metadata = new Metadata();
  metadata.set(CODE, fault.code);
  const { id, ...details } = fault.details;
  if (typeof id === 'string') metadata.set(ID, id);
  if (Object.keys(details).length > 0) metadata.set(DETAILS, encodeURIComponent(JSON.stringify(details)));
  return { code: grpcStatus[reasonCode(fault.code).grpc], details: `${fault.code}: ${fault.message}`, metadata };
}
