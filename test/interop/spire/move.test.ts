// docs/guides/from-spire.md, command by command: what a stock server holds, moved to ours.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { withBoth } from './both.ts';
import { type Cli, skip, succeeds } from './stock.ts';

const guides = join(import.meta.dirname, '..', '..', '..', 'docs', 'guides');
const noJq = spawnSync('jq', ['--version']).status === 0 ? false : 'jq is not installed';
const json = ['-output', 'json'];
const entry = (name: string, ...more: readonly string[]) => [
  ...['entry', 'create', '-parentID', 'spiffe://bank-a/node', '-spiffeID', `spiffe://bank-a/${name}`],
  ...['-selector', `unix:uid:${name.length}`, ...more],
];

test('entries, bundles and federations of a stock server are ours, field by field', { skip: skip || noJq }, () =>
  withBoth(async ({ command: stock }, { command: ours }) => {
    const folder = mkdtempSync(join(tmpdir(), 'move-'));
    try {
      await furnish(stock, folder);
      const move = async (what: 'entries' | 'federations', show: readonly string[], create: readonly string[]) => {
        const [shown, file] = [join(folder, `${what}.shown`), join(folder, `${what}.json`)];
        writeFileSync(shown, await succeeds(stock(...show, ...json)));
        writeFileSync(file, execFileSync('jq', ['-f', join(guides, `from-spire-${what}.jq`), shown]));
        await succeeds(ours(...create, '-data', file));
      };
      writeFileSync(
        join(folder, 'partner'),
        await succeeds(stock('bundle', 'list', '-id', 'partner.example', '-format', 'spiffe')),
      );
      await succeeds(
        ours('bundle', 'set', '-id', 'partner.example', '-format', 'spiffe', '-path', join(folder, 'partner')),
      );
      await move('federations', ['federation', 'list'], ['federation', 'create']);
      await move('entries', ['entry', 'show'], ['entry', 'create']);
      assert.equal(await succeeds(ours('federation', 'list')), await succeeds(stock('federation', 'list')));
      const moved = await entriesOf(ours);
      assert.equal(moved.length, 3);
      assert.deepEqual(moved, await entriesOf(stock));
    } finally {
      rmSync(folder, { recursive: true });
    }
  }),
);

async function furnish(stock: Cli, folder: string): Promise<void> {
  const bundle = join(folder, 'bundle');
  writeFileSync(bundle, await succeeds(stock('bundle', 'show', '-format', 'spiffe')));
  await succeeds(stock('bundle', 'set', '-id', 'partner.example', '-format', 'spiffe', '-path', bundle));
  const web = ['-bundleEndpointURL', 'https://partner.example/', '-bundleEndpointProfile', 'https_web'];
  await succeeds(stock('federation', 'create', '-trustDomain', 'partner.example', ...web));
  const spiffe = ['-bundleEndpointProfile', 'https_spiffe', '-endpointSpiffeID', 'spiffe://z.example/spire/server'];
  await succeeds(
    stock('federation', 'create', '-trustDomain', 'z.example', '-bundleEndpointURL', 'https://z/', ...spiffe),
  );
  const limits = ['-x509SVIDTTL', '60', '-jwtSVIDTTL', '70', '-entryExpiry', '4102444800', '-jwtSVIDIncludeJTI'];
  await succeeds(
    stock(...entry('web', ...limits, '-dns', 'a.local', '-hint', 'h', '-federatesWith', 'spiffe://partner.example')),
  );
  await succeeds(stock(...entry('below', '-downstream', '-admin', '-storeSVID')));
  await succeeds(
    stock('entry', 'create', '-node', '-spiffeID', 'spiffe://bank-a/node', '-selector', 'x509pop:subject:cn:one'),
  );
  await succeeds(stock('token', 'generate', '-spiffeID', 'spiffe://bank-a/node'));
}

/** Without what each server counts for itself, and without the entries of join tokens. */
async function entriesOf(command: Cli): Promise<readonly unknown[]> {
  const { entries } = JSON.parse(await succeeds(command('entry', 'show', ...json)));
  return entries
    .filter(({ parent_id }: { parent_id: { path: string } }) => !parent_id.path.includes('join_token'))
    .map(({ created_at: _, revision_number: __, ...rest }: Record<string, unknown>) => rest)
    .toSorted((a: { id: string }, b: { id: string }) => (a.id < b.id ? -1 : 1));
}
