import type { Duplex } from 'node:stream';
import { newTxn, reasonCode } from '#chain';
import type { Fault } from '#kernel';
import { codeOf, denialBody } from './denial.ts';
import type { ServeOptions } from './serve-options.ts';
import { type Facts, leaveDenial, newReceipt, noteFault } from './service-receipt.ts';

const LINGER_MILLIS = 1000;

/** A connection is refused as a whole: the peer is told the code and an id, nothing more is read from it, and a receipt is left. */
export function refuseConnection(options: ServeOptions, socket: Duplex, fault: Fault): void {
  const facts: Facts = { txn: newTxn(options.random) };
  noteFault(facts, fault);
  const receipt = newReceipt(options, { effect: 'deny', code: codeOf(fault), ...facts });
  leaveDenial(options, receipt);
  const body = denialBody(fault, receipt.id);
  const { http } = reasonCode(codeOf(fault));
  const head = [
    `HTTP/1.1 ${http} Denied`,
    'content-type: application/json',
    `x-hauberk-code: ${codeOf(fault)}`,
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
  ];
  socket.on('error', () => socket.destroy());
  // What the peer sent is thrown away unread, or its arrival after the end would reset the connection before the answer is seen.
  socket.resume();
  setTimeout(() => socket.destroy(), LINGER_MILLIS).unref();
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}
