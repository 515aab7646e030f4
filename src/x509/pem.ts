/** PEM of DER certificates, in the order given (RFC 7468 §5). */
export function pemCertificates(chain: readonly Uint8Array[]): string {
  return chain.map((certificate) => pem('CERTIFICATE', certificate)).join('');
}

function pem(label: string, content: Uint8Array): string {
  const lines =
    Buffer.from(content)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

/** DER of every certificate in a PEM text, in its order; what stands between them is ignored (RFC 7468 §2). */
export function derCertificates(text: string): Buffer[] {
  const blocks = text.matchAll(/-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----/g);
  return [...blocks].map(([, body = '']) => Buffer.from(body, 'base64'));
}
