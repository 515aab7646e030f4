import { Fault } from '#kernel';

/** What `clientError` of `node:http` says of bytes that are no request, as a fault. */
export function faultOfParser(cause: NodeJS.ErrnoException): Fault {
  if (cause.code === 'HPE_HEADER_OVERFLOW')
    return new Fault('LIMIT_EXCEEDED', 'the head of the request is too large', { cause });
  if (cause.code === 'ERR_HTTP_REQUEST_TIMEOUT')
    return new Fault('DEADLINE_EXCEEDED', 'the request did not come in time', { cause });
  return new Fault('REQUEST_AMBIGUOUS', 'the request cannot be read', { cause });
}
