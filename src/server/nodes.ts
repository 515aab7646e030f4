import type { AttestedNode, NodeAttestor, NodeEvidence } from '#attestation';
import { isReasonCode } from '#chain';
import { type Clock, Fault } from '#kernel';
import type { AgentRecord, Registry } from '#registry';
import { SpiffeId } from '#spiffe';
import { verifyCertificateRequest } from '#x509';
import { Allowance } from './allowance.ts';
import type { HostedTrustDomain } from './hosted-trust-domain.ts';
import type { Recorder } from './recorder.ts';

const AGENT_SVID_SECONDS = 3600;
const REFUSALS_A_SECOND = 10;

export interface NodesOptions {
  readonly registry: Registry;
  readonly recorder: Recorder;
  readonly clock: Clock;
  /** Throws `NOT_FOUND`. */
  readonly hosted: (trustDomain: string) => HostedTrustDomain;
  readonly attestors: (trustDomain: string) => readonly NodeAttestor[];
}

export interface Attestation extends NodeEvidence {
  readonly type: string;
  readonly csr: Uint8Array;
}

/** An agent's certificate, and the record that it stands for. */
export interface AgentSvid {
  readonly agent: AgentRecord;
  /** DER, leaf first. */
  readonly chain: readonly Buffer[];
}

/** Agents: how they come in, prove themselves again, and are put out. */
export class Nodes {
  readonly #options: NodesOptions;
  readonly #refusals: Allowance;

  constructor(options: NodesOptions) {
    this.#options = options;
    this.#refusals = new Allowance(REFUSALS_A_SECOND, options.clock);
  }

  /**
   * Throws what the attestor throws, `ATTESTOR_UNKNOWN`, `AGENT_BANNED`, `ATTESTATION_REUSED`, `CSR_INVALID`. A refusal leaves a receipt too,
   * within a bound: anybody can ask.
   */
  async attest(attestation: Attestation, signal: AbortSignal): Promise<AgentSvid> {
    try {
      return await this.#attest(attestation, signal);
    } catch (error) {
      if (error instanceof Fault && !signal.aborted) await this.#refused(attestation, error);
      throw error;
    }
  }

  async #refused({ trustDomain, type }: Attestation, { code }: Fault): Promise<void> {
    if (!isReasonCode(code) || !this.#refusals.take()) return;
    const common = { kind: 'agent', effect: 'deny', action: 'attest' } as const;
    const known = this.#options.attestors(trustDomain).some((one) => one.type === type);
    await this.#options.recorder.note({ ...common, trustDomain, code, ...(known ? { proof: type } : {}) });
  }

  async #attest(attestation: Attestation, signal: AbortSignal): Promise<AgentSvid> {
    const { trustDomain, type, csr } = attestation;
    const { spki } = await verifyCertificateRequest(csr);
    const attestor = this.#options.attestors(trustDomain).find((one) => one.type === type);
    if (attestor === undefined) throw new Fault('ATTESTOR_UNKNOWN', 'this kind of node attestation is not offered');
    const node = await attestor.attest(attestation, signal);
    const id = agentId(trustDomain, type, node);
    assertAdmissible(node, this.#options.registry.findAgent(`${id}`));
    const { chain, serial, notAfter } = await this.#issue(id, spki);
    const agent = this.#describe(id, type, node, { serial, expiresAt: notAfter });
    const receipts = () =>
      this.#options.recorder.pending({
        ...allowed(agent, 'attest', type),
        detail: { id: agent.id, alias: agent.alias, serial: agent.serial },
      });
    if (node.joinToken !== undefined)
      await this.#options.registry.redeemJoinToken(node.joinToken.token, agent, receipts);
    else await this.#options.registry.putAgent(agent, receipts, (present) => assertAdmissible(node, present));
    return { agent, chain };
  }

  /** A new certificate; the present one is good until the new one has been used. Throws `CSR_INVALID`. */
  async renew(agent: AgentRecord, presentedSerial: string, csr: Uint8Array): Promise<AgentSvid> {
    const { spki } = await verifyCertificateRequest(csr);
    const { chain, serial, notAfter } = await this.#issue(SpiffeId.parse(agent.id), spki);
    const renewed = { serial, previousSerial: presentedSerial, expiresAt: notAfter };
    const { registry, recorder, clock } = this.#options;
    const changed = await registry.updateAgent(
      agent.id,
      (present) => {
        judge(present, agent.trustDomain, presentedSerial);
        return { ...present, ...renewed, renewedAt: clock.now() };
      },
      () =>
        recorder.pending({
          ...allowed(agent, 'renew', 'x509-svid'),
          detail: { id: agent.id, alias: agent.alias, serial: renewed.serial },
        }),
    );
    return { agent: changed ?? agent, chain };
  }

  /**
   * The agent that a certificate stands for at this moment. The first use of a renewed certificate ends the one before it, so that of two
   * holders of a copied key one is found out. Throws `AGENT_NOT_ATTESTED`, `AGENT_BANNED`, `AGENT_NOT_ACTIVE`.
   */
  async authorize(id: string, trustDomain: string, serial: string): Promise<AgentRecord> {
    const { registry } = this.#options;
    const known = registry.findAgent(id);
    // Another server may have renewed or admitted it a moment ago.
    if (known?.serial !== serial && known?.previousSerial !== serial) await registry.followAgents(trustDomain);
    const agent = await this.#judged(registry.findAgent(id), id, trustDomain, serial);
    if (agent.previousSerial === undefined || agent.serial !== serial) return agent;
    const settled = await registry.updateAgent(id, (present) => {
      if (present.serial !== serial) return present;
      const { previousSerial: _, ...rest } = present;
      return rest;
    });
    return settled ?? agent;
  }

  /** Its connections end, and it cannot come back by what it proved. Throws `NOT_FOUND`. */
  async ban(id: string, trustDomain: string, by: string): Promise<void> {
    await this.#putOut(id, trustDomain, 'ban', by);
  }

  /** Its connections end; it may attest again. Throws `NOT_FOUND`. */
  async evict(id: string, trustDomain: string, by: string): Promise<void> {
    await this.#putOut(id, trustDomain, 'evict', by);
  }

  async #putOut(id: string, trustDomain: string, action: 'ban' | 'evict', by: string): Promise<void> {
    const { registry, recorder } = this.#options;
    const agent = registry.findAgent(id);
    if (agent === undefined || agent.trustDomain !== trustDomain) throw new Fault('NOT_FOUND', 'agent not found');
    const receipts = () => recorder.pending({ ...allowed(agent, action, by), detail: { id } });
    await (action === 'ban' ? registry.banAgent(id, receipts) : registry.evictAgent(id, receipts));
  }

  async #judged(agent: AgentRecord | undefined, id: string, trustDomain: string, serial: string): Promise<AgentRecord> {
    try {
      return judge(agent, trustDomain, serial);
    } catch (error) {
      // A certificate that a later one has replaced is still used by somebody: a copy, or a backup that was restored.
      if (error instanceof Fault && error.code === 'AGENT_NOT_ACTIVE')
        await this.#options.recorder.note({
          kind: 'agent',
          trustDomain,
          effect: 'deny',
          code: 'AGENT_NOT_ACTIVE',
          action: 'authorize',
          proof: 'x509-svid',
          detail: { id, serial, current: agent?.serial },
        });
      throw error;
    }
  }

  #describe(
    id: SpiffeId,
    type: string,
    node: AttestedNode,
    svid: { readonly serial: string; readonly expiresAt: number },
  ): AgentRecord {
    const alias = node.joinToken?.alias;
    return {
      id: `${id}`,
      trustDomain: id.trustDomain,
      attestationType: type,
      selectors: node.selectors,
      canReattest: node.canReattest,
      banned: false,
      ...svid,
      attestedAt: this.#options.clock.now(),
      ...(alias === undefined ? {} : { alias }),
    };
  }

  async #issue(id: SpiffeId, publicKeySpki: Buffer) {
    const { authority } = this.#options.hosted(id.trustDomain);
    return await authority.issueX509Svid({ id, publicKeySpki, ttlSeconds: AGENT_SVID_SECONDS });
  }
}

function assertAdmissible(node: AttestedNode, present: AgentRecord | undefined): void {
  if (present?.banned === true) throw new Fault('AGENT_BANNED', 'the agent is banned');
  if (present !== undefined && !node.canReattest && node.joinToken === undefined)
    throw new Fault('ATTESTATION_REUSED', 'this evidence has been used to attest an agent already');
}

function judge(agent: AgentRecord | undefined, trustDomain: string, serial: string): AgentRecord {
  if (agent === undefined || agent.trustDomain !== trustDomain)
    throw new Fault('AGENT_NOT_ATTESTED', 'the agent has not attested');
  if (agent.banned) throw new Fault('AGENT_BANNED', 'the agent is banned');
  if (serial !== agent.serial && serial !== agent.previousSerial)
    throw new Fault('AGENT_NOT_ACTIVE', 'the certificate of the agent is not its current one');
  return agent;
}

function agentId(trustDomain: string, type: string, { path }: AttestedNode): SpiffeId {
  const id = SpiffeId.parse(`spiffe://${trustDomain}${path}`);
  if (!id.isUnder(`/spire/agent/${type}/`))
    throw new Fault('ATTESTATION_FAILED', 'the node is named outside of the names of its attestor');
  return id;
}

function allowed({ trustDomain }: AgentRecord, action: string, proof: string) {
  return { kind: 'agent', trustDomain, effect: 'allow', code: 'ALLOWED', action, proof } as const;
}
