import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import {
  KEY_USE,
  makeCaCertificate,
  type UpstreamAnswer,
  type UpstreamAuthority,
  type UpstreamBundle,
  type UpstreamRequest,
  type UpstreamRoot,
} from '#authority';
import { type Clock, Fault, isFault, LIMITS, type Random } from '#kernel';
import { SpiffeId, type TrustDomain } from '#spiffe';
import { type Certificate, derCertificates, keyId, parseCertificate, parseCertificateRequest } from '#x509';
import { keyTypeOf, signWith } from '../../key-manager/local-key.ts';

export interface DiskUpstreamOptions {
  readonly trustDomain: TrustDomain;
  /** PEM: the signing CA, then the intermediates above it. */
  readonly certFile: string;
  /** PEM, PKCS#8 or older. */
  readonly keyFile: string;
  /** PEM: the roots; needed unless the signing CA is its own root. */
  readonly bundleFile?: string;
  readonly clock: Clock;
  readonly random: Random;
}

interface Files {
  readonly key: KeyObject;
  /** The signing CA first. */
  readonly chain: readonly Certificate[];
  readonly roots: readonly Certificate[];
}

/** An upstream whose key lies in a file. The files are read for every use: who replaces them need not tell. */
export class DiskUpstreamAuthority implements UpstreamAuthority {
  readonly #options: DiskUpstreamOptions;

  constructor(options: DiskUpstreamOptions) {
    this.#options = options;
  }

  async sign({ csr, ttlSeconds }: UpstreamRequest): Promise<UpstreamAnswer> {
    const { trustDomain, clock, random } = this.#options;
    const { key, chain, roots } = await this.#read();
    const [issuer] = chain;
    if (issuer === undefined) throw unusable('there is no certificate');
    const { spki } = parseCertificateRequest(csr);
    const uri = SpiffeId.of(trustDomain, '').toString();
    const certificate = await makeCaCertificate(
      { uri, spki, ttlSeconds, clock, random },
      {
        subject: issuer.subjectDer,
        keyId: issuer.subjectKeyId ?? keyId(issuer.spki),
        notBefore: issuer.notBefore,
        notAfter: Math.min(...chain.map(({ notAfter }) => notAfter)),
        scheme: KEY_USE[keyTypeOf(key)].certificate,
        sign: (data) => signWith(key, data),
      },
    );
    const intermediates = chain.filter((one) => !roots.some(({ der }) => der.equals(one.der)));
    return { chain: [certificate, ...intermediates.map(({ der }) => der)], roots: roots.map(toRoot) };
  }

  async bundle(): Promise<UpstreamBundle> {
    return { roots: (await this.#read()).roots.map(toRoot), keys: [] };
  }

  async #read(): Promise<Files> {
    const { certFile, keyFile, bundleFile } = this.#options;
    const chain = await readCertificates(certFile);
    const roots = bundleFile === undefined ? chain.slice(-1) : await readCertificates(bundleFile);
    const [issuer] = chain;
    if (issuer === undefined || !issuer.isCa) throw unusable(`${certFile} begins with no CA certificate`);
    if (roots.length === 0 || !roots.every(({ isCa }) => isCa)) throw unusable('the bundle holds no CA certificate');
    const key = await readKey(keyFile);
    if (!createPublicKey(key).export({ type: 'spki', format: 'der' }).equals(issuer.spki))
      throw unusable(`the key in ${keyFile} is not that of the certificate in ${certFile}`);
    return { key, chain, roots };
  }
}

function toRoot({ der }: Certificate): UpstreamRoot {
  return { certificate: der, tainted: false };
}

async function readCertificates(file: string): Promise<readonly Certificate[]> {
  const ders = derCertificates(await read(file));
  if (ders.length > LIMITS.authoritySlots.value) throw unusable(`${file} holds too many certificates`);
  try {
    return ders.map(parseCertificate);
  } catch (cause) {
    if (!isFault(cause)) throw cause;
    throw unusable(`a certificate in ${file} cannot be read`, cause);
  }
}

async function readKey(file: string): Promise<KeyObject> {
  const text = await read(file);
  try {
    return createPrivateKey(text);
  } catch (cause) {
    throw unusable(`the key in ${file} cannot be read`, cause);
  }
}

async function read(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw unusable(`${file} cannot be read`, cause);
  }
}

function unusable(rule: string, cause?: unknown): Fault {
  return new Fault('UPSTREAM_AUTHORITY_UNAVAILABLE', rule, cause === undefined ? {} : { cause });
}
