export interface LoginPage {
  readonly action: string;
  readonly account?: string;
  readonly problem?: string;
}

/** The form that asks who somebody is. No script; its styles are allowed by their hash. */
export function loginPage({ action, account = '', problem }: LoginPage): string {
  const alert = problem === undefined ? '' : `<p class="problem" role="alert">${escapeHtml(problem)}</p>`;
  return page(
    'Sign in',
    `<h1>Sign in</h1>
    <p>One sign-in for the customers of bank-a and bank-b.</p>
    ${alert}
    <form method="post" action="${escapeHtml(action)}">
      <label for="account">Account</label>
      <input id="account" name="account" type="text" value="${escapeHtml(account)}" autocomplete="username" autocapitalize="none" spellcheck="false" maxlength="100" required${account === '' ? ' autofocus' : ''}>
      <label for="password">Password</label>
      <input id="password" name="password" type="password" autocomplete="current-password" maxlength="200" required${account === '' ? '' : ' autofocus'}>
      <button type="submit">Sign in</button>
    </form>`,
  );
}

export function messagePage(title: string, sentence: string): string {
  return page(title, `<h1>${escapeHtml(title)}</h1><p>${escapeHtml(sentence)}</p>`);
}

function page(title: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<style>${STYLES}</style>
</head>
<body><main>${body}</main></body>
</html>
`;
}

export function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}

export const STYLES = `
:root { color-scheme: light dark; --ink: #17211f; --quiet: #5a6a66; --paper: #f4f6f4; --card: #fff; --line: #cdd6d2; --accent: #0b6b57; --alert: #9f2b1d; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8efec; --quiet: #9fb0ab; --paper: #101615; --card: #182120; --line: #33413e; --accent: #5cc7ae; --alert: #ff9c8f; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; background: var(--paper); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; }
main { width: min(24rem, calc(100vw - 2rem)); padding: 2rem; background: var(--card); border: 1px solid var(--line); border-radius: 1rem; }
h1 { margin: 0; font-size: 1.5rem; letter-spacing: -.01em; }
p { color: var(--quiet); margin: .25rem 0 1.25rem; }
.problem { color: var(--alert); font-weight: 600; }
label { display: block; margin: 1rem 0 .25rem; font-weight: 600; }
input { width: 100%; padding: .65rem .75rem; font: inherit; color: inherit; background: var(--paper); border: 1px solid var(--line); border-radius: .5rem; }
button { width: 100%; margin-top: 1.5rem; padding: .7rem; font: inherit; font-weight: 600; color: var(--card); background: var(--accent); border: 0; border-radius: .5rem; cursor: pointer; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
`;
