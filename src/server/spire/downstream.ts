import type { IssuedCa } from '#authority';
import { Fault } from '#kernel';
import type { TrustDomainResource } from '#wire';
import { parseCertificateRequest } from '#x509';
import type { State } from '../state.ts';
import type { Admitted } from './bind.ts';

/** An intermediate CA for the server of a `downstream` entry. Throws `ARGUMENT_INVALID`, `CSR_INVALID`. */
export async function issueDownstreamCa(
  state: State,
  { trustDomain, by }: Admitted,
  { csr, ttlSeconds }: { readonly csr: Uint8Array; readonly ttlSeconds: number },
): Promise<IssuedCa> {
  if (csr.length === 0) throw new Fault('ARGUMENT_INVALID', 'missing CSR');
  if (ttlSeconds < 0) throw new Fault('ARGUMENT_INVALID', 'the lifetime is negative');
  const { spki } = parseCertificateRequest(csr);
  const domain = state.registry.find<TrustDomainResource>('TrustDomain', trustDomain, trustDomain);
  const lifetime = ttlSeconds || (domain?.caTtlSeconds ?? 0);
  const { authority } = state.trustDomain(trustDomain);
  const issued = await authority.issueDownstreamCa({ publicKeySpki: spki, ttlSeconds: lifetime });
  await state.recorder.note({
    kind: 'identity',
    trustDomain,
    effect: 'allow',
    code: 'ALLOWED',
    action: 'x509-ca:issue',
    proof: by,
    detail: { notAfter: new Date(issued.notAfter).toISOString() },
  });
  return issued;
}
