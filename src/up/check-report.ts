import type { CheckedDenial, CheckedLink, CheckResult } from './check-context.ts';
import { table } from './table.ts';

export interface CheckReport extends CheckResult {
  readonly ok: boolean;
  readonly durationMs: number;
}

export function reportOf(result: CheckResult, durationMs: number): CheckReport {
  const held = result.failures.length === 0 && result.denials.every(({ ok }) => ok);
  return { ...result, ok: held && result.links.length > 0 && result.denials.length > 0, durationMs };
}

/** `--json`: one document. */
export function reportJson({ ok, durationMs, links, denials, failures }: CheckReport): string {
  return JSON.stringify(
    { ok, durationMs: Math.round(durationMs), links, denials, ...(ok ? {} : { failures }) },
    undefined,
    2,
  );
}

/** For a person: the chain hop by hop, the denials, and one line that says whether it held. */
export function reportText(report: CheckReport): string {
  const seconds = (report.durationMs / 1000).toFixed(1);
  const failed = report.denials.filter(({ ok }) => !ok).length + report.failures.length;
  const verdict = report.ok
    ? `chain ok: ${report.links.length} links, ${report.denials.length} denials, ${seconds} s`
    : `chain broken: ${failed} expectations did not hold, ${report.links.length} links, ${report.denials.length} denials, ${seconds} s`;
  return [
    chains(report.links),
    denials(report.denials),
    report.failures.map((line) => `not as expected: ${line}`).join('\n'),
    verdict,
  ]
    .filter((part) => part !== '')
    .join('\n\n');
}

function chains(links: readonly CheckedLink[]): string {
  const txns = [...new Set(links.map(({ txn }) => txn))];
  return txns
    .map((txn) =>
      chain(
        txn,
        links.filter((link) => link.txn === txn),
      ),
    )
    .join('\n\n');
}

/** One transaction as a table. */
export function chain(txn: string, links: readonly CheckedLink[]): string {
  const rows = links.map((link) => [
    String(link.seq),
    link.kind,
    link.user ?? '-',
    link.workload ?? '-',
    link.peer ?? '-',
    link.proof ?? '-',
    link.effect,
    link.rule ?? '-',
    link.startedAt.slice(11, 23),
    `${(link.durationUs / 1000).toFixed(1)} ms`,
  ]);
  const heads = ['#', 'link', 'user', 'workload', 'peer', 'proof', 'effect', 'rule', 'at', 'took'];
  return `txn ${txn}\n${table(heads, rows)}`;
}

function denials(denied: readonly CheckedDenial[]): string {
  if (denied.length === 0) return '';
  const rows = denied.map(({ name, code, link, txn, ok, observed }) => [
    ok ? 'ok' : 'FAILED',
    name,
    code,
    link,
    txn.slice(0, 8),
    ok ? '' : observed,
  ]);
  return `denials\n${table(['', 'name', 'code', 'refused at', 'txn', ''], rows)}`;
}
