// The identity provider of the bank's customers: a real OpenID Connect provider with a login page. It knows nothing of Hauberk.

import { readPeople, readSecret } from './login/people.ts';
import { createLogin } from './login/start-login.ts';

const { PORT = '', HOST = 'login.localhost', HAUBERK_EDGE_ORIGINS = '' } = process.env;
const origins = HAUBERK_EDGE_ORIGINS.split(',').filter((origin) => origin !== '');
if (!/^\d+$/.test(PORT) || origins.length === 0) throw new Error('PORT and HAUBERK_EDGE_ORIGINS are needed');

createLogin({
  host: `${HOST}:${PORT}`,
  clientSecret: readSecret(process.env, 'HAUBERK_BANK_CLIENT_SECRET_FILE'),
  origins,
  people: readPeople(process.env),
}).listen(Number(PORT), '127.0.0.1');
