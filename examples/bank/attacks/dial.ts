// Speaks HTTP/1.1 over TLS by hand: no library of ours stands in the attacker's way, and the server's certificate is taken as it comes.
import { connect, type TLSSocket } from 'node:tls';
import type { Workload } from 'hauberk/sdk';
import type { DialAttack, Seen } from './seen.ts';
import { selfSigned } from './self-signed.ts';

const ANSWER_MILLIS = 10_000;

export async function dial(attack: DialAttack, workload: Workload | undefined): Promise<Seen> {
  const socket = await open(attack, workload);
  const lines = [`${attack.method} ${attack.path} HTTP/1.1`, `Host: ${attack.host}`, 'Connection: close'];
  for (const [name, value] of attack.headers) lines.push(`${name}: ${value}`);
  socket.write(`${lines.join('\r\n')}\r\n\r\n`);
  const answer = await readAll(socket);
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1] ?? 0);
  const body = answer.slice(answer.indexOf('{'), answer.lastIndexOf('}') + 1);
  return { status, body, headers: headersOf(answer), ...codeOf(body) };
}

function open({ host, port, certificate }: DialAttack, workload: Workload | undefined): Promise<TLSSocket> {
  const svid = workload?.x509Svid();
  const identity =
    typeof certificate === 'object'
      ? selfSigned(certificate.selfSignedAs)
      : svid === undefined
        ? {}
        : { cert: svid.chain.map(pem).join(''), key: svid.privateKey.export({ type: 'pkcs8', format: 'pem' }) };
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, rejectUnauthorized: false, ALPNProtocols: ['http/1.1'], ...identity }, () =>
      resolve(socket),
    );
    socket.setTimeout(ANSWER_MILLIS, () => socket.destroy(new Error('no answer')));
    socket.once('error', reject);
  });
}

function readAll(socket: TLSSocket): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => {
      text += chunk;
    });
    // A refusal may end with a reset: what came before it is the answer.
    socket.on('error', () => resolve(text));
    socket.on('close', () => resolve(text));
  });
}

function headersOf(answer: string): Record<string, string> {
  const [, ...lines] = answer.slice(0, answer.indexOf('\r\n\r\n')).split('\r\n');
  return Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
  );
}

function pem(der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

function codeOf(body: string): Pick<Seen, 'code' | 'id'> {
  try {
    const json: unknown = JSON.parse(body);
    const { code, id } = Object(json) as { code?: unknown; id?: unknown };
    return { code, id };
  } catch {
    return {};
  }
}
