import { setTimeout as wait } from 'node:timers/promises';
import type { AdminClient } from '#up';

const WAIT_MILLIS = 5000;
const LOOK_MILLIS = 50;

interface Told {
  readonly lines: readonly string[];
  readonly isWhole: boolean;
}

/** Waits until all who are connected say that they have applied a revision, and no longer than a few seconds; says who has and who has not. */
export async function awaitApplied(
  admin: AdminClient,
  trustDomain: string,
  revision: bigint,
): Promise<readonly string[]> {
  const began = performance.now();
  for (;;) {
    const { trustDomains } = await admin.status();
    const told = appliedLines(trustDomains.find(({ name }) => name === trustDomain)?.connected ?? [], revision);
    const millis = Math.round(performance.now() - began);
    if (told.isWhole || millis > WAIT_MILLIS) return [`${told.lines[0]} after ${millis} ms`, ...told.lines.slice(1)];
    await wait(LOOK_MILLIS);
  }
}

interface Connected {
  readonly id: string;
  readonly acknowledged: bigint;
  readonly points: readonly { readonly spiffeId: string; readonly points: number; readonly revision: bigint }[];
}

/** Of agents that are connected to this server, and of the enforcement points behind them. */
export function appliedLines(connected: readonly Connected[], revision: bigint): Told {
  const has = (one: { readonly revision: bigint }): boolean => one.revision >= revision;
  const count = (some: Connected['points']): number => some.reduce((sum, { points }) => sum + points, 0);
  const agents = connected.filter(({ acknowledged }) => acknowledged >= revision);
  const points = connected.flatMap((one) => one.points);
  const late = connected.flatMap(({ id, points: behind }) =>
    behind.filter((one) => !has(one)).map((one) => `  not yet by ${one.spiffeId} behind ${id}`),
  );
  const away = connected.filter((one) => !agents.includes(one)).map(({ id }) => `  not yet by ${id}`);
  const said = `applied by ${count(points.filter(has))} of ${count(points)} enforcement points behind ${agents.length} of ${connected.length} agents`;
  return { lines: [said, ...late, ...away], isWhole: late.length === 0 && away.length === 0 };
}
