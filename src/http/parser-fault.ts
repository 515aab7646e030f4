import { Fault } from '#kernel';

/** What `clientError` of `node:http` says of bytes that are no request, as a fault. */
export function faultOfParser(cause: NodeJS.ErrnoException): Fault {
  if (cause.code === 'HPE_HEADER_OVERFLOW')
    return new Fault('LIMIT_EXCEEDED', 'the head of the request is too large', { cause });
  if (cause.code === 'ERR_HTTP_REQUEST_TIMEOUT')
    return new Fault('DEADLINE_EXCEEDED', 'the request did not come in time', { cause });
  return new Fault('REQUEST_AMBIGUOUS', 'the request cannot be read', { cause });
}

/** CONNECT. */
export function noTunnel(): Fault {
  return new Fault('METHOD_UNIMPLEMENTED', 'no tunnel is opened here');
}

/** `Expect` with anything but `100-continue`. */
export function unmetExpectation(): Fault {
  return new Fault('ARGUMENT_INVALID', 'this expectation is not met here');
}
