import { reasonCode } from '#chain';
import { type Fault, toFault } from '#kernel';
import { STATUS_CODE, type StatusMapping } from '#rpc';
import { Status as RichStatus } from '#wire/gen/google/rpc/status';
import { PermissionDeniedDetails, PermissionDeniedDetails_Reason, type Status } from '#wire/gen/spire/api/types';

/** What makes a SPIRE agent act: it looks at these details alone, and only beside PERMISSION_DENIED. */
const REASONS: Readonly<Record<string, PermissionDeniedDetails_Reason>> = {
  AGENT_EXPIRED: PermissionDeniedDetails_Reason.AGENT_EXPIRED,
  AGENT_NOT_ATTESTED: PermissionDeniedDetails_Reason.AGENT_NOT_ATTESTED,
  AGENT_NOT_ACTIVE: PermissionDeniedDetails_Reason.AGENT_NOT_ACTIVE,
  AGENT_BANNED: PermissionDeniedDetails_Reason.AGENT_BANNED,
  AGENT_MUST_REATTEST: PermissionDeniedDetails_Reason.AGENT_MUST_REATTEST,
};

/** Faults as SPIRE's clients expect them. */
export const spireStatus: StatusMapping = (fault) => {
  const reason = REASONS[fault.code];
  return reason === undefined
    ? undefined
    : { code: STATUS_CODE.PERMISSION_DENIED, richStatus: encodeRichStatus(fault, reason) };
};

export const OK: Status = { code: 0, message: 'OK' };

/** The status of one item of a batch. */
export function itemStatus(error: unknown): Status {
  const fault = toFault(error);
  const code =
    REASONS[fault.code] === undefined ? STATUS_CODE[reasonCode(fault.code).grpc] : STATUS_CODE.PERMISSION_DENIED;
  return { code, message: `${fault.code}: ${fault.message}` };
}

function encodeRichStatus(fault: Fault, reason: PermissionDeniedDetails_Reason): Uint8Array {
  const details = {
    typeUrl: 'type.googleapis.com/spire.api.types.PermissionDeniedDetails',
    value: PermissionDeniedDetails.encode({ reason }).finish(),
  };
  const message = `${fault.code}: ${fault.message}`;
  return RichStatus.encode({ code: STATUS_CODE.PERMISSION_DENIED, message, details: [details] }).finish();
}
