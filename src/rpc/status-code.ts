import type { GrpcStatusName } from '#chain';

/** Numbers of gRPC's statuses (grpc/grpc, doc/statuscodes.md), as far as they are given here. */
export const STATUS_CODE: Readonly<Record<GrpcStatusName, number>> = {
  OK: 0,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  UNAUTHENTICATED: 16,
};
