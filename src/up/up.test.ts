import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { silentLog, systemClock, systemRandom } from '#kernel';
import { type RunningUp, readUpEnvironment, startUp } from './index.ts';

const repository = join(import.meta.dirname, '..', '..');
const root = mkdtempSync(join(tmpdir(), 'hu-'));
after(() => rmSync(root, { recursive: true }));

function write(file: string, text: string): void {
  mkdirSync(dirname(join(root, file)), { recursive: true });
  writeFileSync(join(root, file), text);
}

/** A server and an agent that only take notes: what `up` asks of them, and in which order, is what these tests are about. */
function fake(imports: string, socket: string, definition: string, handlers: string): string {
  return `
import { appendFileSync, readFileSync } from 'node:fs';
import { bindService, serveUnix } from ${JSON.stringify(join(repository, 'src/rpc/index.ts'))};
import { silentLog } from ${JSON.stringify(join(repository, 'src/kernel/index.ts'))};
import { ${definition} } from ${JSON.stringify(join(repository, 'src/wire/gen', imports))};
const config = JSON.parse(readFileSync(process.argv[3], 'utf8'));
const note = (...words) => appendFileSync(${JSON.stringify(join(root, 'notes'))}, words.join(' ') + '\\n');
const handlers = new Proxy(${handlers}, { get: (own, name) => own[name] ?? (async () => ({})) });
const server = await serveUnix({ path: config.${socket}, mode: 0o770, log: silentLog, identify: (caller) => caller,
  services: [bindService(${definition}, handlers)] });
console.log(JSON.stringify({ ready: true }));
process.on('SIGTERM', async () => { await server.close(); process.exit(0); });
`;
}

write('package.json', readFileSync(join(repository, 'package.json'), 'utf8'));
mkdirSync(join(root, 'node_modules'));
symlinkSync(join(repository, 'node_modules', '@bufbuild'), join(root, 'node_modules', '@bufbuild'));
write(
  'src/server/main.ts',
  fake(
    'hauberk_admin.ts',
    'adminSocket',
    'AdminDefinition',
    `{
  applySet: async ({ documentsJson }) => { note('apply', ...documentsJson.map((text) => JSON.parse(text).kind)); return { changes: [], problems: [], problemCount: 0 }; },
  createJoinToken: async ({ trustDomain, spiffeId }) => { note('token', trustDomain, spiffeId); return { token: 't', expiresAt: 1n }; },
  getBundle: async () => ({ bundleJson: '{}' }),
}`,
  ),
);
write(
  'src/agent/main.ts',
  fake(
    'hauberk_agent.ts',
    'adminSocket',
    'SupervisorDefinition',
    `{
  register: async ({ pid, service }) => { note('register', service); return { sessionId: pid }; },
  status: async () => ({ healthy: true, trustDomains: [] }),
}`,
  ),
);
write('examples/one/package.json', '{"type":"module"}');
write(
  'examples/one/service.ts',
  `import { createServer } from 'node:http';
createServer((_, response) => response.end('x')).listen(Number(process.env['HAUBERK_LISTEN']?.split(':')[1]), '127.0.0.1');`,
);
write('examples/one/probe.ts', "process.stdin.pipe(process.stdout); console.log(process.env['HAUBERK_SERVICE']);");
const HAUBERK = 'apiVersion: hauberk.dev/v1\nkind:';
write(
  'examples/one/documents.yaml',
  `${HAUBERK} TrustDomain
metadata: { name: td }
spec: { namespaces: [td] }
---
${HAUBERK} Service
metadata: { name: one, namespace: td, trustDomain: td }
spec: { spiffeId: spiffe://td/one, protocol: http, endpoints: [{ host: 127.0.0.1, port: auto }] }
`,
);
write(
  'examples/one/hauberk.yaml',
  `${HAUBERK} Environment
metadata: { name: one }
spec:
  documents: [documents.yaml]
  processes: [{ name: one, module: service.ts, service: td/one }]
`,
);

function bringUp(said: string[]): Promise<RunningUp> {
  return startUp({
    file: join(root, 'examples/one/hauberk.yaml'),
    root,
    check: false,
    runDirectory: join(root, 'run'),
    environment: readUpEnvironment(),
    clock: systemClock,
    random: systemRandom,
    log: silentLog,
    say: (line) => said.push(line),
  });
}

async function until(holds: () => boolean): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!holds()) {
    assert.ok(performance.now() < deadline, 'too late');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** The leader of the process that was started with a configuration file of this run. */
function findPid(config: string): number {
  const file = join(root, 'run', 'config', config);
  const found = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && commandOf(name).includes(file));
  return Math.min(...found.map(Number));
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

function notes(): readonly string[] {
  return readFileSync(join(root, 'notes'), 'utf8').trim().split('\n');
}

test('documents come before the agent, registration before the service; a killed agent learns every leader anew', async () => {
  const said: string[] = [];
  const up = await bringUp(said);
  try {
    assert.deepEqual(notes(), ['apply TrustDomain Service', 'token td spiffe://td/node/local', 'register td/one']);
    await assert.rejects(bringUp([]), { code: 'ALREADY_EXISTS' });
    process.kill(findPid('agent.json'), 'SIGKILL');
    await until(() => said.includes('agent is back'));
    assert.deepEqual(notes().slice(3), ['token td spiffe://td/node/local', 'register td/one']);
  } finally {
    await up.close();
  }
  assert.ok(said.includes('one is ready'));
});
