import { type Clock, faultCode, type Random, randomBase64url, Secret } from '#kernel';
import type { LoginRoles } from './login-roles.ts';
import { scramVerifier } from './scram.ts';

export interface Credential {
  /** Role of the server that signs in, this gate's own. */
  readonly login: string;
  readonly password: Secret;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

interface Slot {
  credential: Credential | undefined;
  making: Promise<Credential> | undefined;
  readonly logins: Set<Promise<unknown>>;
}

/**
 * Short-lived passwords of this gate's login roles, known to this process alone. One is made when first needed and made anew when half
 * of its life has passed; the server refuses it after its life (`VALID UNTIL`, by the server's own clock), the gate ends its sessions.
 */
export class Credentials {
  readonly #logins: LoginRoles;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #lifetimeSeconds: number;
  readonly #slots = new Map<string, Slot>();

  constructor(logins: LoginRoles, clock: Clock, random: Random, lifetimeSeconds: number) {
    this.#logins = logins;
    this.#clock = clock;
    this.#random = random;
    this.#lifetimeSeconds = lifetimeSeconds;
  }

  /**
   * Logs in with the role's credential, which is not made anew while a login with it is under way. When the server no longer takes
   * it (`DATABASE_CREDENTIAL_EXPIRED`: the clocks disagree, or somebody changed it), one new one is tried.
   */
  async login<T>(role: string, use: (credential: Credential) => Promise<T>): Promise<T> {
    const slot = this.#slot(role);
    const tried = await this.#current(role, slot);
    try {
      return await this.#track(slot, use(tried));
    } catch (error) {
      if (faultCode(error) !== 'DATABASE_CREDENTIAL_EXPIRED') throw error;
      if (slot.credential === tried) slot.credential = undefined;
      return this.#track(slot, use(await this.#current(role, slot)));
    }
  }

  async #track<T>(slot: Slot, login: Promise<T>): Promise<T> {
    slot.logins.add(login);
    try {
      return await login;
    } finally {
      slot.logins.delete(login);
    }
  }

  #slot(role: string): Slot {
    const known = this.#slots.get(role);
    if (known !== undefined) return known;
    const slot: Slot = { credential: undefined, making: undefined, logins: new Set() };
    this.#slots.set(role, slot);
    return slot;
  }

  async #current(role: string, slot: Slot): Promise<Credential> {
    // Somebody may have begun to make it anew already.
    if (slot.making !== undefined) return slot.making;
    const half = (this.#lifetimeSeconds * 1000) / 2;
    if (slot.credential !== undefined && slot.credential.expiresAt - this.#clock.now() > half) return slot.credential;
    slot.making = this.#make(role, slot).finally(() => {
      slot.making = undefined;
    });
    return slot.making;
  }

  async #make(role: string, slot: Slot): Promise<Credential> {
    await Promise.allSettled(slot.logins);
    const password = randomBase64url(this.#random, 32);
    const expiresAt = this.#clock.now() + this.#lifetimeSeconds * 1000;
    await this.#logins.renew(role, scramVerifier(password, this.#random), this.#lifetimeSeconds);
    slot.credential = { login: this.#logins.nameFor(role), password: new Secret(password), expiresAt };
    return slot.credential;
  }
}
