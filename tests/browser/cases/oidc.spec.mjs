// Signing in with an identity provider.
import { startWithProvider } from '../support/provider.mjs';
import { expect, on } from '../support/test.mjs';

const test = on(startWithProvider);

// The browser leaves for the provider, whose pages are not ours.
test.use({ role: null, expected: [/http:\/\/localhost:/] });

async function comeIn(page, name) {
  await page.goto('/login?next=/apps');
  await page.getByRole('link', { name: /^Sign in with localhost/ }).click();
  await page.getByLabel('Name').fill(name);
  const back = page.waitForResponse((one) => one.url().includes('/login/oidc/callback'));
  await page.getByRole('button', { name: 'Go on' }).click();
  return (await back).status();
}

const tokens = async (server) => (await server.get('/tokens')).rows;

test('a claim gives the role, and revoking ends the session', async ({ page, server }) => {
  expect(await comeIn(page, 'mira')).toBe(303);
  await expect(page).toHaveURL(`${server.url}/apps`);
  await expect(page.getByText('Mira Lund')).toBeVisible();
  const one = (await tokens(server)).find((row) => row.name === 'Mira Lund');
  expect([one.role, one.issuer]).toEqual(['auditor', expect.stringContaining('http://localhost:')]);
  const asked = (await server.get('/access-log')).rows.filter((row) => row.actorId === one.id);
  expect(asked.map((row) => row.route)).toEqual(['/api/v1/apps', '/login']);

  await server.api('DELETE', `/api/v1/tokens/${one.id}`);
  await page.goto('/apps');
  await expect(page).toHaveURL(/\/login/);
  await page.context().clearCookies();
  expect(await comeIn(page, 'mira')).toBe(403);
  await expect(page.getByText('was revoked: ask one of its admins')).toBeVisible();
});

test('another role at the next sign-in changes the same credential', async ({ page, server }) => {
  expect(await comeIn(page, 'ada')).toBe(303);
  await page.context().clearCookies();
  server.people.ada.roles = ['auditors'];
  expect(await comeIn(page, 'ada')).toBe(303);
  const rows = (await tokens(server)).filter((row) => row.name === 'Ada Berg');
  expect(rows.map((row) => row.role)).toEqual(['auditor']);
  const changes = (await server.get('/configuration-log?kind=token')).rows;
  const [last] = changes.filter((row) => row.subject === rows[0].id);
  expect([last.change, last.oldValue.role, last.newValue.role]).toEqual(['changed', 'admin', 'auditor']);
  // The event of the first sign-in still has the first role.
  const seen = (await server.get('/access-log')).rows.filter((row) => row.actorId === rows[0].id);
  expect(seen.at(-1).role).toBe('admin');
});

test('a role for one application shows that one alone', async ({ page, server, visit }) => {
  for (const application of ['boat', 'ferry']) {
    const { secretToken } = await server.api('POST', '/api/v1/apps', { body: { application } });
    await server.api('POST', `/apps/${application}/scim/v2/Users`, {
      token: secretToken,
      headers: { 'content-type': 'application/scim+json' },
      body: JSON.stringify({
        schemas: ['urn:ietf:params:scim:schemas:core:2.0:User'],
        userName: `captain@${application}.example`,
        active: true,
      }),
    });
  }
  expect(await comeIn(page, 'liv')).toBe(303);
  await expect(page.getByText('Liv Aas')).toBeVisible();
  const { rows } = await (await page.request.get('/api/v1/apps')).json();
  expect(rows.map((row) => row.application)).toEqual(['boat']);
  for (const address of [
    ...['/', '/apps', '/apps/boat', '/apps/boat/users', '/apps/boat/groups', '/operations', '/reports'],
    ...['/access-log', '/configuration-log', '/reviews', '/integrity', '/saved-questions'],
    '/apps/boat/users/userName:captain@boat.example',
  ]) {
    await visit(address);
    expect((await page.content()).toLowerCase(), address).not.toContain('ferry');
  }
  for (const [address, status] of [
    ['/apps/ferry', 404],
    ['/apps/ferry/users', 404],
    ['/apps/ferry/users/userName:captain@ferry.example', 404],
    ['/operations?app=ferry', 404],
    ['/tokens', 403],
    ['/admin', 403],
  ]) {
    await visit(address, status);
    await expect(page.locator('main')).not.toContainText('captain@ferry.example');
  }
});

test('who has no role any more is out in every browser', async ({ page, server }) => {
  server.people.eva = { name: 'Eva Moen', roles: ['auditors'] };
  expect(await comeIn(page, 'eva')).toBe(303);
  const before = await page.context().cookies(server.url);
  server.people.eva.roles = ['readers'];
  await page.context().clearCookies();
  expect(await comeIn(page, 'eva')).toBe(403);
  await expect(page.getByText('nothing that it says of you gives a role here')).toBeVisible();
  const one = (await tokens(server)).find((row) => row.name === 'Eva Moen');
  const asked = (await server.get('/access-log')).rows.filter((row) => row.actorId === one.id);
  expect([asked[0].route, asked[0].status]).toEqual(['/login', 403]);
  await page.context().clearCookies();
  await page.context().addCookies(before);
  await page.goto('/apps');
  await expect(page).toHaveURL(/\/login/);
});

test('without a role nobody comes in, and an answer counts once', async ({ page, server }) => {
  expect(await comeIn(page, 'tom')).toBe(403);
  await expect(page.getByText('nothing that it says of you gives a role here')).toBeVisible();
  expect((await tokens(server)).some((row) => row.name === 'Tom Reed')).toBe(false);
  const again = await page.reload();
  expect(again.status()).toBe(403);
  await expect(page.getByText('was used already')).toBeVisible();
});
