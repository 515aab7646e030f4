import { reasonCode } from '#chain';
import { type Fault, toFault } from '#kernel';
import { STATUS_CODE } from './status-code.ts';

const CODE = 'hauberk-code';
const ID = 'hauberk-id';
const DETAILS = 'hauberk-details';
/** A `google.rpc.Status`, for clients that read typed details (gRPC's richer error model). */
const STATUS_DETAILS = 'grpc-status-details-bin';

export interface Refusal {
  readonly code: number;
  readonly details: string;
  /** Further trailers; binary ones in base64. */
  readonly trailers: Readonly<Record<string, string>>;
}

/** What a protocol that is not ours says of a fault, where it differs from the registry of reason codes. */
export type StatusMapping = (fault: Fault) => { readonly code?: number; readonly richStatus?: Uint8Array } | undefined;

/** A thrown value as gRPC status: `CODE: sentence`, with code, id and details in the trailers. Causes stay behind. */
export function toStatus(error: unknown, mapping?: StatusMapping): Refusal {
  const fault = toFault(error);
  const { id, ...details } = fault.details;
  const mapped = mapping?.(fault);
  const { richStatus } = mapped ?? {};
  return {
    code: mapped?.code ?? STATUS_CODE[reasonCode(fault.code).grpc],
    details: `${fault.code}: ${fault.message}`,
    trailers: {
      [CODE]: fault.code,
      ...(typeof id === 'string' ? { [ID]: id } : {}),
      ...(Object.keys(details).length > 0 ? { [DETAILS]: encodeURIComponent(JSON.stringify(details)) } : {}),
      ...(richStatus === undefined ? {} : { [STATUS_DETAILS]: Buffer.from(richStatus).toString('base64') }),
    },
  };
}
