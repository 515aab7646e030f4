// `node --import` this: loads the source with one rule taken out, as `WITHOUT_RULE` says. Nothing is written to disk.
import { registerHooks } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Removal } from './removals.ts';

const { file, check, without }: Removal = JSON.parse(process.env.WITHOUT_RULE ?? '{}');
const target = pathToFileURL(join(import.meta.dirname, '..', '..', file)).href;

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    if (url !== target) return loaded;
    const parts = String(loaded.source).split(check);
    if (parts.length !== 2) throw new Error(`the rule stands ${parts.length - 1} times in ${file}: ${check}`);
    return { ...loaded, source: parts.join(without) };
  },
});
