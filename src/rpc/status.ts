import { status as grpcStatus, Metadata } from '@grpc/grpc-js';
import { reasonCode } from '#chain';
import { type Fault, toFault } from '#kernel';

const CODE = 'hauberk-code';
const ID = 'hauberk-id';
const DETAILS = 'hauberk-details';
/** A `google.rpc.Status`, for clients that read typed details (gRPC's richer error model). */
const STATUS_DETAILS = 'grpc-status-details-bin';

export interface Refusal {
  readonly code: number;
  readonly details: string;
  readonly metadata: Metadata;
}

/** What a protocol that is not ours says of a fault, where it differs from the registry of reason codes. */
export type StatusMapping = (fault: Fault) => { readonly code?: number; readonly richStatus?: Uint8Array } | undefined;

/** A thrown value as gRPC status: `CODE: sentence`, with code, id and details in the trailers. Causes stay behind. */
export function toStatus(error: unknown, mapping?: StatusMapping): Refusal {
  const fault = toFault(error);
  const metadata = new Metadata();
  metadata.set(CODE, fault.code);
  const { id, ...details } = fault.details;
  if (typeof id === 'string') metadata.set(ID, id);
  if (Object.keys(details).length > 0) metadata.set(DETAILS, encodeURIComponent(JSON.stringify(details)));
  const mapped = mapping?.(fault);
  if (mapped?.richStatus !== undefined) metadata.set(STATUS_DETAILS, Buffer.from(mapped.richStatus));
  return {
    code: mapped?.code ?? grpcStatus[reasonCode(fault.code).grpc],
    details: `${fault.code}: ${fault.message}`,
    metadata,
  };
}
