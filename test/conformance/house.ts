import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { entry, type House, withHouse } from '../../src/agent/agent.harness.ts';

/** A real server and a real agent for all tests of a file. The tests of one file run one after another and leave it as they found it. */
export function sharedHouse(): () => House {
  let house: House | undefined;
  let release = (): void => undefined;
  let ended: Promise<void> = Promise.resolve();
  before(
    () =>
      new Promise<void>((ready, reject) => {
        ended = withHouse((opened) => {
          house = opened;
          ready();
          return new Promise<void>((resolve) => {
            release = resolve;
          });
        });
        ended.catch(reject);
      }),
  );
  after(async () => {
    release();
    await ended;
  });
  return () => {
    if (house === undefined) throw new TypeError('the house is not open yet');
    return house;
  };
}

/** Runs with more entries for this process, and takes them away again. What is said of each is laid over
 * the usual `spec`; `path` is that of its id, where it is not its name. */
export async function withEntries(
  { admin, removeEntry }: House,
  entries: Readonly<Record<string, { readonly path?: string; readonly [field: string]: unknown }>>,
  run: () => Promise<void>,
): Promise<void> {
  const documents = Object.entries(entries).map(([name, { path = name, ...spec }]) => {
    const usual = entry(name);
    return JSON.stringify({ ...usual, spec: { ...usual.spec, spiffeId: `spiffe://bank-a/${path}`, ...spec } });
  });
  const { problems } = await admin.apply({ documentsJson: documents, dryRun: false });
  assert.deepEqual(problems, []);
  try {
    await run();
  } finally {
    for (const [name, { path = name }] of Object.entries(entries)) await removeEntry(path);
  }
}
