// Every method of SPIRE's server API, fed with bytes that are no message, messages of random fields, and messages cut short: each is answered with
// a status that is the caller's fault, and the server goes on.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { HealthDefinition, HealthCheckResponse_ServingStatus as Serving } from '#wire/gen/health';
import { withSpire } from '../../src/server/spire/spire.harness.ts';
import { input, OUR_FAULT, rawCall } from './raw-call.ts';
import { SPIRE_SERVICES } from './spire-services.ts';

const RUNS = Number(process.env.FUZZ_RUNS ?? 25);
const SEED = Number(process.env.FUZZ_SEED ?? 42);

for (const caller of ['operator', 'agent'] as const)
  test(`whatever an ${caller} sends, the server answers and goes on`, () =>
    withSpire(async (spire) => {
      const identity = caller === 'agent' ? await spire.attest('/node/one') : undefined;
      for (const definition of SPIRE_SERVICES) {
        for (const [key, method] of Object.entries(definition.methods)) {
          const call = rawCall({ definition, key }, (raw) =>
            identity === undefined ? spire.local(raw) : spire.tls(raw, identity),
          );
          await fc.assert(
            fc.asyncProperty(input, async (bytes) => {
              const status = await call(bytes);
              assert.ok(typeof status === 'number' && !OUR_FAULT.includes(status), `${method.name} answers ${status}`);
            }),
            { numRuns: RUNS, seed: SEED },
          );
        }
      }
      assert.deepEqual(await spire.local(HealthDefinition).check({ service: '' }), { status: Serving.SERVING });
    }));
