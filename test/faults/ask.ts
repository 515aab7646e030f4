import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { connect } from 'node:tls';
import type { House } from './house.ts';

/** PEM of a certificate and its key, whoever holds them. */
export interface Kept {
  readonly key: string;
  readonly cert: string;
}

/** What the service of a house answers to a holder of these, or why it answers nothing. */
export async function ask(house: House, kept: Kept): Promise<string> {
  const socket = connect({
    host: '127.0.0.1',
    port: house.servicePort,
    rejectUnauthorized: false,
    ALPNProtocols: ['http/1.1'],
    ...kept,
  });
  try {
    await once(socket, 'secureConnect');
    socket.end('GET / HTTP/1.1\r\nhost: service\r\nconnection: close\r\n\r\n');
    return await text(socket);
  } catch (error) {
    return String(error);
  }
}
