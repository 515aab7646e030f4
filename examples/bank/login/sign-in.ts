import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Provider } from 'oidc-provider';
import type { Attempts } from './attempts.ts';
import { readForm } from './form.ts';
import { type LoginPage, loginPage, messagePage, STYLES } from './page.ts';
import { findPerson, type Person } from './people.ts';

export interface SignInOptions {
  readonly provider: Provider;
  readonly people: ReadonlyMap<string, Person>;
  readonly attempts: Attempts;
  /** Pages that a sign-in may lead back to: a browser holds a form's redirects to this list as well. */
  readonly origins: readonly string[];
}

const WRONG = 'The account or the password is wrong.';
const BLOCKED = 'Too many attempts. Wait a few minutes.';

/** Shows the form of one sign-in, and takes it. The provider's own cookie ties it to the browser that began. */
export async function answerSignIn(
  options: SignInOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { provider } = options;
  const interaction = await provider.interactionDetails(request, response).catch(() => undefined);
  if (interaction?.prompt.name !== 'login') {
    send(options, response, 400, messagePage('This sign-in is over', 'Go back to the bank and start again.'));
    return;
  }
  const show = (status: number, page: Omit<LoginPage, 'action'>): void =>
    send(options, response, status, loginPage({ action: `/sign-in/${interaction.uid}`, ...page }));
  if (request.method !== 'POST') return show(200, {});
  const form = await readForm(request);
  const account = form?.get('account') ?? '';
  const attempt = { account, address: request.socket.remoteAddress ?? '' };
  if (options.attempts.isBlocked(attempt)) return show(429, { account, problem: BLOCKED });
  const person = findPerson(options.people, account, form?.get('password') ?? '');
  if (person === undefined) {
    options.attempts.failed(attempt);
    return show(401, { account, problem: WRONG });
  }
  await provider.interactionFinished(request, response, { login: { accountId: person.account, remember: false } });
}

const STYLES_HASH = createHash('sha256').update(STYLES).digest('base64');

export function send(
  { origins }: Pick<SignInOptions, 'origins'>,
  response: ServerResponse,
  status: number,
  html: string,
): void {
  response
    .writeHead(status, {
      'content-type': 'text/html; charset=utf-8',
      'content-length': Buffer.byteLength(html),
      'cache-control': 'no-store',
      'content-security-policy': `default-src 'none'; style-src 'sha256-${STYLES_HASH}'; base-uri 'none'; frame-ancestors 'none'; form-action 'self' ${origins.join(' ')}`,
      'referrer-policy': 'same-origin',
      'x-content-type-options': 'nosniff',
      ...(status === 400 || status === 421 ? { connection: 'close' } : {}),
    })
    .end(html);
}
