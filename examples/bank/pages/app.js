// The page of the bank: no framework, nothing kept. It knows of its user what the edge and the services answer.

const money = new Intl.NumberFormat('en-IE', { style: 'currency', currency: 'EUR' });
const when = new Intl.DateTimeFormat('en-IE', { dateStyle: 'medium', timeStyle: 'short' });

const $ = (id) => document.getElementById(id);
const show = (id, visible = true) => {
  $(id).hidden = !visible;
};

function say(sentence, problem = false) {
  $('status').textContent = sentence;
  $('status').classList.toggle('problem', problem);
}

/** An element with text; nothing that a server answers becomes markup. */
function make(name, text = '', className = '') {
  const element = document.createElement(name);
  element.textContent = text;
  if (className !== '') element.className = className;
  return element;
}

async function ask(path, { method = 'GET', body } = {}) {
  const headers = { accept: 'application/json', ...(body ? { 'content-type': 'application/json' } : {}) };
  const response = await fetch(path, { method, headers, ...(body ? { body: JSON.stringify(body) } : {}) });
  const answer = await response.json().catch(() => ({}));
  return { ok: response.ok, status: response.status, answer, txn: response.headers.get('x-request-id') ?? '' };
}

function sayRefused({ answer, status }) {
  say(`${answer.message ?? `the bank answered ${status}`} (${answer.code ?? status}, ${answer.id ?? 'no id'})`, true);
}

/** Hop by hop, as each service itself saw its caller and its user. */
function showChain(user, observed, txn) {
  const seen = observed.filter(({ kind }) => kind === 'service');
  const hops = [
    { name: 'you', lines: [user, 'signed in: authorization code, PKCE, nonce'] },
    { name: 'edge', lines: [seen[0]?.peer ?? '', 'your session became a token of a few seconds'] },
    ...seen.map(({ workload, peer, user: on }) => ({
      name: workload.replace('spiffe://', ''),
      lines: [workload, `saw ${peer}`, `for ${on ?? 'nobody'}`],
    })),
    { name: 'database', lines: ['rows of this user only, for this transaction only'] },
  ];
  $('chain').replaceChildren(
    ...hops.map(({ name, lines }) => {
      const item = make('li');
      item.append(make('p', name, 'hop'));
      for (const line of lines) {
        const paragraph = make('p');
        paragraph.append(make('code', line));
        item.append(paragraph);
      }
      return item;
    }),
  );
  $('chain-lead').textContent = `${seen.length} services, one user, one transaction.`;
  $('why').textContent = `npx hauberk why ${txn}`;
  show('chain-card');
}

async function showAccounts({ user }) {
  const result = await ask('/bank-a/me');
  if (!result.ok) return sayRefused(result);
  const { profile, accounts = [], seen = [] } = result.answer;
  $('name').textContent = profile?.name ?? $('name').textContent;
  $('accounts').replaceChildren(
    ...accounts.map(({ id, name, balanceCents }) => {
      const item = make('li');
      item.append(make('strong', name), make('span', money.format(balanceCents / 100), 'amount'), make('code', id));
      return item;
    }),
  );
  show('accounts-card');
  showChain(user, seen, result.txn);
  say('');
}

async function showLedger() {
  const result = await ask('/bank-b/ledger');
  if (!result.ok) {
    sayRefused(result);
    return undefined;
  }
  const { entries = [] } = result.answer;
  $('ledger').replaceChildren(
    ...entries.map(({ to, amountCents, createdAt }) => {
      const row = make('tr');
      const amount = make('td', money.format(amountCents / 100), 'number');
      row.append(make('td', to), make('td', when.format(new Date(createdAt))), amount);
      return row;
    }),
  );
  return result;
}

async function showPayments({ user }) {
  show('payment-card');
  const result = await showLedger();
  if (result === undefined) return;
  showChain(user, result.answer.seen ?? [], result.txn);
  say('');
  // One reference until the payment is written: pressing again after a failure does not pay twice.
  let reference = crypto.randomUUID();
  $('payment').addEventListener('submit', async (event) => {
    event.preventDefault();
    const button = event.submitter;
    button.disabled = true;
    try {
      const amountCents = Math.round($('amount').valueAsNumber * 100);
      const paid = await ask('/bank-b/payments', {
        method: 'POST',
        body: { to: $('to').value.trim(), amountCents, reference },
      });
      if (!paid.ok) return sayRefused(paid);
      reference = crypto.randomUUID();
      event.target.reset();
      await showLedger();
      showChain(user, paid.answer.seen ?? [], paid.txn);
      say(`Paid ${money.format(amountCents / 100)}.`);
    } catch {
      say('The bank does not answer. Nothing is paid twice if you try again.', true);
    } finally {
      button.disabled = false;
    }
  });
}

async function start() {
  const { ok, status, answer: session } = await ask('/.hauberk/session');
  if (!ok) {
    say(status === 401 ? '' : 'The bank is not ready. Try again in a moment.', status !== 401);
    show('welcome');
    return;
  }
  $('name').textContent = session.name ?? session.email ?? '';
  $('identity').textContent = session.user;
  show('who');
  show('desk');
  await (session.tenant === 'bank-a' ? showAccounts(session) : showPayments(session));
}

start().catch(() => say('The bank does not answer. Reload the page to try again.', true));
