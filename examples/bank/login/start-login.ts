import { createServer, type IncomingMessage, type Server } from 'node:http';
import { Attempts } from './attempts.ts';
import { messagePage } from './page.ts';
import type { Person } from './people.ts';
import { newProvider } from './provider.ts';
import { answerSignIn, send } from './sign-in.ts';

export interface LoginOptions {
  /** Name and port that browsers see, such as `login.localhost:8080`. */
  readonly host: string;
  readonly clientSecret: string;
  readonly origins: readonly string[];
  readonly people: ReadonlyMap<string, Person>;
}

/** The login server, not listening yet. Requests under any other name are refused: a page elsewhere could point its own name here. */
export function createLogin({ host, ...options }: LoginOptions): Server {
  const provider = newProvider({ issuer: `http://${host}`, ...options });
  const signIn = { ...options, provider, attempts: new Attempts(() => performance.now()) };
  const callback = provider.callback();
  return createServer((request, response) => {
    if (request.headers.host !== host) {
      send(options, response, 421, messagePage('Not here', 'This server has another name.'));
    } else if (!/^\/sign-in\/[A-Za-z0-9_-]{1,64}$/.test(request.url ?? '')) {
      forgetSession(request);
      callback(request, response);
    } else {
      answerSignIn(signIn, request, response).catch(() => {
        if (response.headersSent) response.destroy();
        else send(options, response, 500, messagePage('This did not work', 'Go back to the bank and start again.'));
      });
    }
  });
}

/**
 * The provider's session is not read back: the password is asked for each time, so that whoever signed out of the bank is not signed in again
 * by a click, and the next person at the same browser may be somebody else.
 */
function forgetSession({ headers }: IncomingMessage): void {
  const kept = headers.cookie?.split(';').filter((pair) => !pair.trim().startsWith('_session'));
  if (kept !== undefined) headers.cookie = kept.join(';');
}
