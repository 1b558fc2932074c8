// An identity provider (npm's oidc-provider), and a server whose people sign in with it.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import Provider from 'oidc-provider';
import { startFresh } from './server.mjs';

// It needs encoding in a form, as secrets may.
const SECRET = 'a secret:of & this';

// Invented people, and what the provider says of them; a case may change it.
const people = () => ({
  mira: { name: 'Mira Lund', roles: ['readers', 'auditors'] },
  ada: { name: 'Ada Berg', roles: ['admins'] },
  tom: { name: 'Tom Reed', roles: ['readers'] },
  liv: { name: 'Liv Aas', roles: ['boat-auditors'] },
});

// The page at which somebody says who they are; nobody here has a password.
const form = `<!doctype html><html lang="en"><title>Provider</title>
<form method="post"><label>Name <input name="name"></label><button>Go on</button></form>`;

async function bodyOf(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return new URLSearchParams(Buffer.concat(chunks).toString());
}

// A server with a new log, the provider beside it, and `people`.
export async function startWithProvider() {
  const http = createServer();
  await new Promise((resolve) => http.listen(0, '127.0.0.1', resolve));
  const issuer = `http://localhost:${http.address().port}`;
  const folder = await mkdtemp(path.join(tmpdir(), 'provlog-secret-'));
  const secret = path.join(folder, 'secret');
  await writeFile(secret, `${SECRET}\n`);
  const server = await startFresh([
    ...['--oidc-issuer', issuer, '--oidc-client-id', 'provlog', '--oidc-client-secret-file', secret],
    ...['--oidc-role-map', 'admins=admin,auditors=auditor,boat-auditors=app-auditor:boat'],
  ]);
  server.people = people();
  const provider = new Provider(issuer, {
    clients: [{
      client_id: 'provlog',
      client_secret: SECRET,
      redirect_uris: [`${server.url}/login/oidc/callback`],
      response_types: ['code'],
      grant_types: ['authorization_code'],
    }],
    // What the scopes give stands in the ID token.
    conformIdTokenClaims: false,
    claims: { profile: ['name', 'roles'] },
    pkce: { required: () => true },
    cookies: { keys: ['of a test'] },
    features: { devInteractions: { enabled: false } },
    interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, ...server.people[id] }) }),
    // Nobody is asked whether they agree.
    async loadExistingGrant({ oidc }) {
      const { clientId } = oidc.client;
      const grant = new oidc.provider.Grant({ clientId, accountId: oidc.session.accountId });
      grant.addOIDCScope('openid profile');
      await grant.save();
      return grant;
    },
  });
  const flow = provider.callback();
  http.on('request', async (request, response) => {
    if (!request.url.startsWith('/interaction/')) return flow(request, response);
    if (request.method === 'GET') return response.setHeader('content-type', 'text/html').end(form);
    const login = { accountId: (await bodyOf(request)).get('name') };
    return provider.interactionFinished(request, response, { login });
  });
  const stop = server.stop.bind(server);
  server.stop = async () => {
    http.closeAllConnections();
    http.close();
    await stop();
    await rm(folder, { recursive: true, force: true });
  };
  return server;
}
