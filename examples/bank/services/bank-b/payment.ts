/** A payment as its payer asks for it. `reference` makes it the same payment, however often it is sent. */
export interface Payment {
  readonly to: string;
  readonly amountCents: number;
  readonly reference: string;
}

const MOST_CENTS = 100_000_000;

/** Undefined for what is no payment. */
export function findPayment(body: unknown): Payment | undefined {
  const { to, amountCents, reference }: Partial<Record<string, unknown>> = Object(body);
  if (typeof to !== 'string' || !/^[\p{L}\p{N} .,@'-]{1,80}$/u.test(to)) return undefined;
  if (typeof reference !== 'string' || !/^[A-Za-z0-9._-]{1,64}$/.test(reference)) return undefined;
  if (typeof amountCents !== 'number' || !Number.isInteger(amountCents)) return undefined;
  return amountCents > 0 && amountCents <= MOST_CENTS ? { to, amountCents, reference } : undefined;
}

/** Whether a row that is already there is this payment. */
export function isSame(row: Readonly<Record<string, unknown>> | undefined, payment: Payment): boolean {
  return row?.recipient === payment.to && Number(row.amount_cents) === payment.amountCents;
}
