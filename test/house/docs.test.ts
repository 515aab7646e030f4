import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { commandLine } from '#cli';

const root = join(import.meta.dirname, '..', '..');
const pages = globSync(['*.md', '{docs,src,examples,bench,test}/**/*.md'], { cwd: root });
const textOf = (page: string): string => readFileSync(join(root, page), 'utf8');

type Command = ReturnType<typeof commandLine>;
const program = commandLine();

test('every command that a page names exists, with these verbs and options', () => {
  const named = pages.flatMap((page) => commandsIn(textOf(page)).map((words) => ({ page, words })));
  assert.ok(named.length > 80, `${named.length} commands were found`);
  const wrong = named.flatMap(({ page, words }) => problems(words).map((one) => `${page}: ${words}: ${one}`));
  assert.deepEqual(wrong, []);
});

test('a command, a verb or an option that there is not is found', () => {
  assert.deepEqual(problems('stats'), ['no command stats']);
  assert.deepEqual(problems('entry mend x'), ['no command mend']);
  assert.deepEqual(problems('entry list | mend'), ['no command mend']);
  assert.deepEqual(problems('doctor --colour red'), ['no option --colour']);
  assert.deepEqual(problems('run --as a/b -- program --colour'), []);
  assert.deepEqual(commandsIn('x `hauberk why ID` y\n\n    $ npx hauberk a \\\n      --b   what it does\n'), [
    'why ID',
    'a --b',
  ]);
});

test('every npm script that a page names exists', () => {
  const { scripts }: { scripts: Readonly<Record<string, string>> } = JSON.parse(textOf('package.json'));
  const wrong = pages.flatMap((page) =>
    [...textOf(page).matchAll(/\bnpm run ([\w:-]+)/g)].flatMap(([, name = '']) =>
      scripts[name] === undefined ? [`${page}: npm run ${name}`] : [],
    ),
  );
  assert.deepEqual(wrong, []);
});

test('every link of a page leads to a file, and to a heading of it', () => {
  const wrong = pages.flatMap((page) =>
    [...withoutCode(textOf(page)).matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, link = '']) =>
      leadsSomewhere(page, link) ? [] : [`${page}: ${link}`],
    ),
  );
  assert.deepEqual(wrong, []);
});

/** What follows `hauberk` in blocks of code, line by line, and in code within a sentence. */
function commandsIn(text: string): readonly string[] {
  const found = [...text.matchAll(/`(?:npx )?hauberk ([^`]+)`/g)].map(([, words = '']) =>
    words.replaceAll(/\s+/g, ' '),
  );
  let fenced = false;
  for (const line of text.replaceAll(/\s*\\\n\s*/g, ' ').split('\n')) {
    if (/^\s*```/.test(line)) fenced = !fenced;
    const words = /^\s*(?:\$ )?(?:npx )?hauberk (.*)$/.exec(line)?.[1];
    // What a command does stands beside it, some spaces away.
    if (words !== undefined && (fenced || /^ {4}/.test(line))) found.push(words.split(/\s{2,}|\s#/)[0] ?? '');
  }
  return found;
}

function problems(words: string): readonly string[] {
  const all = words
    .replaceAll('|', ' | ')
    .split(' ')
    .filter((word) => word !== '');
  const own = all.includes('--') ? all.slice(0, all.indexOf('--')) : all;
  const { command, rest } = descend(program, own);
  const [next] = rest;
  const unknown = command.commands.length > 0 && next !== undefined && /^[a-z]/.test(next) ? [next] : [];
  return [
    ...[...unknown, ...alternatives(rest).filter((word) => !siblings(command).includes(word))].map(
      (word) => `no command ${word}`,
    ),
    ...rest
      .filter((word) => word.startsWith('--') && !OF_ALL.has(word))
      .map((word) => word.replace(/[^\w-].*$/, ''))
      .filter((word) => !command.options.some(({ long }) => long === word))
      .map((word) => `no option ${word}`),
  ];
}

const OF_ALL = new Set(['--help', '--version']);

function descend(command: Command, words: readonly string[]): { command: Command; rest: readonly string[] } {
  const [word, ...rest] = words;
  const below = command.commands.find((one) => one.name() === word);
  return below === undefined ? { command, rest: words } : descend(below, rest);
}

/** `list | show | create`: what stands after the first of them. */
function alternatives(rest: readonly string[]): readonly string[] {
  return rest.flatMap((word, index) => (rest[index - 1] === '|' && /^[a-z]+$/.test(word) ? [word] : []));
}

function siblings(command: Command): readonly string[] {
  return (command.parent ?? command).commands.map((one) => one.name());
}

function withoutCode(text: string): string {
  return text.replaceAll(/^\s*```[\s\S]*?^\s*```/gm, '').replaceAll(/`[^`\n]*`/g, '');
}

function leadsSomewhere(page: string, link: string): boolean {
  if (/^[a-z]+:/.test(link)) return true;
  const [path = '', anchor] = link.split('#');
  const target = path === '' ? page : join(dirname(page), path);
  if (!existsSync(join(root, target))) return false;
  return anchor === undefined || !target.endsWith('.md') || anchorsOf(target).includes(anchor);
}

/** As GitHub names them. */
function anchorsOf(page: string): readonly string[] {
  return [...textOf(page).matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replaceAll(' ', '-'),
  );
}
