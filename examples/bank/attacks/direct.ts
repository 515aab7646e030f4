// Goes to the database itself, past the gate.
import pg from 'pg';
import { type Attack, describeError, type Seen } from './seen.ts';

export async function direct(attack: Extract<Attack, { kind: 'direct' }>): Promise<Seen> {
  const steps: (Seen & { step: string })[] = [];
  for (const user of ['postgres', 'bank_a_accounts', 'hauberk_owner', 'bank_owner']) {
    const { host, port, database, tls } = attack;
    const ssl = tls ? { rejectUnauthorized: false } : false;
    const client = new pg.Client({ host, port, database, user, password: 'guess', ssl });
    try {
      await client.connect();
      steps.push({ step: user, note: 'connected', rows: 1 });
    } catch (error) {
      steps.push({ step: user, ...describeError(error), rows: 0 });
    } finally {
      await client.end().catch(() => {});
    }
  }
  return { rows: Math.max(...steps.map(({ rows = 0 }) => rows)), steps };
}
