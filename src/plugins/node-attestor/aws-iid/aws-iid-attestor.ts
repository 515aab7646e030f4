import { type KeyObject, verify, X509Certificate } from 'node:crypto';
import {
  type AttestedNode,
  bytesOf,
  type NodeAttestor,
  type NodeEvidence,
  readEvidence,
  refused,
  textField,
} from '#attestation';
import { readSignedMessage } from './signed-message.ts';

export interface AwsIidOptions {
  /** PEM of AWS's public certificates, by region: each vouches for documents of its own region only. */
  readonly certificates: Readonly<Record<string, readonly string[]>>;
  /** Accounts whose instances may attest. Everybody can have an AWS account. */
  readonly accounts: readonly string[];
}

const ACCOUNT = /^\d{12}$/;
const REGION = /^[a-z]{2}(-[a-z]+)+-\d$/;
const INSTANCE = /^i-[0-9a-f]{8,32}$/;

/**
 * The signed identity document of an EC2 instance, as SPIRE's attestor of this name. Only the bytes that the signature covers are read:
 * the document beside a PKCS#7 message is the node's word alone.
 */
export class AwsIidAttestor implements NodeAttestor {
  readonly type = 'aws_iid';
  readonly #keys: ReadonlyMap<string, readonly KeyObject[]>;
  readonly #accounts: ReadonlySet<string>;

  constructor({ certificates, accounts }: AwsIidOptions) {
    this.#accounts = new Set(accounts);
    this.#keys = new Map(
      Object.entries(certificates).map(([region, pems]) => [
        region,
        pems.map((pem) => new X509Certificate(pem).publicKey),
      ]),
    );
  }

  async attest({ payload }: NodeEvidence): Promise<AttestedNode> {
    const { signed, regions } = this.#verify(payload);
    const document = readEvidence(signed);
    const [account, region, instance] = [
      textField(document, 'accountId'),
      textField(document, 'region'),
      textField(document, 'instanceId'),
    ];
    if (!ACCOUNT.test(account) || !REGION.test(region) || !INSTANCE.test(instance))
      throw refused('the document does not name an instance');
    if (!regions.includes(region)) throw refused('the document is signed for another region');
    if (!this.#accounts.has(account)) throw refused('the instance is of an account that is not accepted here');
    const facts = [
      ['account_id', account],
      ['region', region],
      ['instance:id', instance],
      ['az', document.availabilityZone],
      ['image:id', document.imageId],
    ] as const;
    return {
      path: `/spire/agent/aws_iid/${account}/${region}/${instance}`,
      selectors: facts.flatMap(([key, value]) =>
        typeof value === 'string' && value !== '' ? [`aws_iid:${key}:${value}`] : [],
      ),
      canReattest: false,
    };
  }

  /** The bytes that a signature covers, and the regions whose certificates say so. */
  #verify(payload: Buffer): { readonly signed: Buffer; readonly regions: readonly string[] } {
    const evidence = readEvidence(payload);
    if (typeof evidence.rsa2048 === 'string' && evidence.rsa2048 !== '') {
      const message = readSignedMessage(bytesOf(evidence.rsa2048.replace(/\s/g, ''), 'rsa2048'));
      return { signed: message.content, regions: this.#signers((key) => message.isSignedBy(key)) };
    }
    const signed = Buffer.from(textField(evidence, 'document'));
    const signature = bytesOf(textField(evidence, 'signature').replace(/\s/g, ''), 'the signature');
    return { signed, regions: this.#signers((key) => verify('sha256', signed, key, signature)) };
  }

  #signers(isSigner: (key: KeyObject) => boolean): readonly string[] {
    const regions = [...this.#keys].filter(([, keys]) => keys.some(isSigner)).map(([region]) => region);
    if (regions.length === 0) throw refused('the document is not signed by AWS');
    return regions;
  }
}
