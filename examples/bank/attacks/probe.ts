// An attacker's program: reads one attack as JSON from its standard input, carries it out with the identity that it was started with
// (or none), and writes what it saw as JSON.
import { connectWorkload } from 'hauberk/sdk';
import { askAgent } from './agent.ts';
import { databaseAttack } from './database.ts';
import { dial } from './dial.ts';
import { type Attack, describeError, type Seen } from './seen.ts';

process.stdout.write(JSON.stringify(await carryOut(JSON.parse(await readInput()))));
process.exit(0);

async function carryOut(attack: Attack): Promise<Seen> {
  try {
    switch (attack.kind) {
      case 'identity': {
        const workload = await connectWorkload({ timeoutMillis: 1000 });
        return { note: `was given ${workload.id}` };
      }
      case 'fetch': {
        const workload = await connectWorkload();
        const { status } = await workload.fetch(attack.url);
        return { status };
      }
      case 'agent':
        return await askAgent(attack);
      case 'dial':
        return await dial(attack, attack.certificate === 'own' ? await connectWorkload() : undefined);
      case 'database':
        return await databaseAttack(attack, await connectWorkload());
      case 'direct': {
        const { direct } = await import('./direct.ts');
        return await direct(attack);
      }
    }
  } catch (error) {
    return describeError(error);
  }
}

async function readInput(): Promise<string> {
  let text = '';
  for await (const chunk of process.stdin) text += String(chunk);
  return text;
}
