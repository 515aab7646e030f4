// A browser without a window: cookies by host, redirects, and the forms of pages that people fill in.
import { type Answer, type Ask, ask } from './http.ts';

const PAGE: readonly (readonly [string, string])[] = [
  ['Accept', 'text/html,application/xhtml+xml'],
  ['Sec-Fetch-Mode', 'navigate'],
  ['Sec-Fetch-Dest', 'document'],
];
const MOST_STEPS = 20;

export class Browser {
  readonly #jar = new Map<string, Map<string, string>>();
  /** Every URL that a redirect named, in order. */
  readonly visited: URL[] = [];

  /** One request with this browser's cookies; redirects are not followed. */
  async send(target: string | URL, asked: Ask = {}): Promise<Answer> {
    const url = new URL(target);
    const cookies = [...(this.#jar.get(url.hostname) ?? [])].map(([name, value]) => `${name}=${value}`).join('; ');
    const headers = [...(asked.headers ?? []), ...(cookies === '' ? [] : ([['Cookie', cookies]] as const))];
    const answer = await ask(url, { ...asked, headers });
    this.#keep(url.hostname, answer.cookies);
    return answer;
  }

  /** Like a script of the page: JSON in, JSON out. */
  fetch(target: string | URL, asked: Ask = {}): Promise<Answer> {
    const json: readonly (readonly [string, string])[] = [
      ['Accept', 'application/json'],
      ['Sec-Fetch-Mode', 'cors'],
      ['Sec-Fetch-Site', 'same-origin'],
      ['Origin', new URL(target).origin],
      ...(asked.body === undefined ? [] : ([['Content-Type', 'application/json']] as const)),
    ];
    return this.send(target, { ...asked, headers: [...json, ...(asked.headers ?? [])] });
  }

  /** Opens a page, signs in where a page asks for it, and ends at the first page that asks nothing, or before it goes to `stopAt`. */
  async signIn(
    target: string,
    user: { readonly name: string; readonly password: string },
    stopAt?: string,
  ): Promise<Answer> {
    let answer = await this.send(target, { headers: PAGE });
    for (let step = 0; step < MOST_STEPS; step++) {
      const location = answer.headers.location;
      const form = typeof location === 'string' ? undefined : findForm(answer);
      if (typeof location === 'string' && answer.status >= 300 && answer.status < 400) {
        const next = new URL(location, answer.url);
        this.visited.push(next);
        if (next.pathname === stopAt) return answer;
        answer = await this.send(next, { headers: PAGE });
      } else if (form !== undefined && answer.url.origin !== new URL(target).origin) {
        answer = await this.#submit(form, user);
      } else {
        return answer;
      }
    }
    throw new Error('signing in goes round in circles');
  }

  #submit(form: Form, user: { readonly name: string; readonly password: string }): Promise<Answer> {
    const fields = new URLSearchParams();
    for (const { name, type, value } of form.inputs) {
      const typed = type === 'password' ? user.password : type === 'text' || type === 'email' ? user.name : value;
      if (name !== '') fields.append(name, typed);
    }
    const headers: readonly (readonly [string, string])[] = [
      ...PAGE,
      ['Content-Type', 'application/x-www-form-urlencoded'],
      ['Origin', form.action.origin],
    ];
    return this.send(form.action, { method: 'POST', headers, body: fields.toString() });
  }

  #keep(host: string, lines: readonly string[]): void {
    const jar = this.#jar.get(host) ?? new Map<string, string>();
    this.#jar.set(host, jar);
    for (const line of lines) {
      const [pair = '', ...attributes] = line.split(';').map((part) => part.trim());
      const name = pair.slice(0, pair.indexOf('='));
      const gone = attributes.some((part) => /^max-age=(0|-\d+)$/i.test(part) || isPast(part));
      if (gone) jar.delete(name);
      else jar.set(name, pair.slice(pair.indexOf('=') + 1));
    }
  }
}

function isPast(attribute: string): boolean {
  const match = /^expires=(.*)$/i.exec(attribute);
  return match?.[1] !== undefined && Date.parse(match[1]) < Date.now();
}

interface Form {
  readonly action: URL;
  readonly inputs: readonly { readonly name: string; readonly type: string; readonly value: string }[];
}

/** The first form of a page that is posted. */
function findForm({ url, body }: Answer): Form | undefined {
  for (const [, head = '', inside = ''] of body.matchAll(/<form\b([^>]*)>([\s\S]*?)<\/form>/gi)) {
    if (attribute(head, 'method').toLowerCase() !== 'post') continue;
    const inputs = [...inside.matchAll(/<input\b([^>]*)>/gi)].map(([, text = '']) => ({
      name: attribute(text, 'name'),
      type: attribute(text, 'type').toLowerCase() || 'text',
      value: attribute(text, 'value'),
    }));
    return { action: new URL(attribute(head, 'action') || url.href, url), inputs };
  }
  return undefined;
}

function attribute(text: string, name: string): string {
  const match = new RegExp(`\\b${name}\\s*=\\s*(?:"([^"]*)"|'([^']*)'|([^\\s>]+))`, 'i').exec(text);
  const value = match?.[1] ?? match?.[2] ?? match?.[3] ?? '';
  return value.replaceAll('&amp;', '&').replaceAll('&quot;', '"').replaceAll('&#39;', "'").replaceAll('&lt;', '<');
}
