// A service of the SDK: says who called.

import { connectWorkload } from '../../src/sdk/index.ts';
import { authorityOf } from './authority-of.ts';

const workload = await connectWorkload({ timeoutMillis: 60_000 });
await workload.serve(async ({ authority }) => ({
  body: JSON.stringify({ caller: authority.workload, authority: authorityOf(workload.x509Svid()) }),
}));
process.stdout.write(`${JSON.stringify({ ready: true })}\n`);
