// What admins do: applications, tokens, lists and saved questions.
import { expect, test } from '../support/test.mjs';

test.use({ role: 'admin' });

const send = (page) => page.locator('main button[type=submit]').click();

// Every worker has a server of its own; a repeated case needs a new name.
const named = (info, name) => `${name}-${info.workerIndex}-${info.retry}-${info.repeatEachIndex}`;

async function add(page, visit, name) {
  await visit('/admin/applications/new');
  await page.getByLabel(/^Name/).fill(name);
  await send(page);
  return {
    secret: await page.getByLabel('Secret token').inputValue(),
    url: await page.getByLabel('Tenant URL').inputValue(),
  };
}

const asks = async ({ url, secret }) =>
  (await fetch(`${url}/Users`, { headers: { authorization: `Bearer ${secret}` } })).status;

test('a new application shows its secret once, and when its first request arrives', async ({
  page, visit, accessible, javaScriptEnabled,
}, info) => {
  const name = named(info, 'paperboat');
  const added = await add(page, visit, name);
  expect(added.url).toContain(`/apps/${name}/scim/v2`);
  expect(page.url()).not.toContain(added.secret);
  await expect(page.locator('.wait')).toContainText('No request has arrived yet');
  await accessible();
  expect(await asks(added)).toBe(200);
  if (javaScriptEnabled === false) await visit(`/admin/applications/${name}/first-request`);
  await expect(page.locator('.wait.good')).toContainText('connected');
  for (const address of ['/tokens', `/apps/${name}`, '/configuration-log', '/access-log']) {
    await visit(address);
    expect(await page.content()).not.toContain(added.secret);
  }
});

test('a name that is refused says why, and the form keeps it', async ({ page, visit }) => {
  await visit('/admin/applications/new');
  await page.getByLabel(/^Name/).fill('Paper boat');
  await send(page);
  await expect(page.locator('.notice.bad')).toContainText('1 to 63 of a-z, 0-9 and -');
  await expect(page.getByLabel(/^Name/)).toHaveValue('Paper boat');
});

test('a token is replaced, and the old one revoked', async ({ page, visit }, info) => {
  const name = named(info, 'kite');
  const first = await add(page, visit, name);
  await visit(`/admin/tokens/new?role=scim&application=${name}`);
  await send(page);
  const second = { ...first, secret: await page.getByLabel('Token', { exact: true }).inputValue() };
  expect(await asks(second)).toBe(200);
  await page.getByRole('link', { name: 'Revoke', exact: true }).click();
  expect(await asks(first)).toBe(200);
  await page.getByRole('button', { name: 'Revoke the token' }).click();
  await expect(page.locator('.notice.good')).toContainText('was revoked');
  expect(await asks(first)).toBe(401);
  expect(await asks(second)).toBe(200);
});

test('a list is uploaded', async ({ page, visit }, info) => {
  const name = named(info, 'crew');
  await visit('/admin/lists/new');
  await page.getByLabel(/^Name/).fill(name);
  const buffer = Buffer.from('userName\nmira.lund@fjord.example\nnils.berg@fjord.example\n');
  await page.getByLabel(/^File/).setInputFiles({ name: 'crew.csv', mimeType: 'text/csv', buffer });
  await send(page);
  await expect(page.locator('.notice.good')).toContainText('The list was kept');
  await visit('/reference-lists');
  await expect(page.getByRole('row', { name })).toContainText('2');
});

test('a question is saved from its page, and removed', async ({ page, visit }, info) => {
  const name = named(info, 'joined');
  await visit('/reports/joiners?from=-30d');
  await page.getByRole('link', { name: 'save this question' }).click();
  await page.getByLabel(/^Name/).fill(name);
  await send(page);
  await expect(page).toHaveURL(new RegExp(`/saved-questions/${name}$`));
  await visit('/saved-questions');
  await page.getByRole('row', { name }).getByRole('link', { name: 'Remove' }).click();
  await page.getByRole('button', { name: 'Remove it' }).click();
  await visit('/saved-questions');
  await expect(page.getByRole('row', { name })).toHaveCount(0);
});

test('a form without the token of its session does nothing', async ({ page, visit, server }) => {
  await visit('/admin');
  const before = (await server.get('/tokens')).rowCount;
  for (const form of [{ role: 'admin' }, { role: 'admin', csrf: 'x' }]) {
    const sent = await page.request.post('/admin/tokens', {
      form,
      headers: { origin: new URL(page.url()).origin },
    });
    expect(sent.status()).toBe(403);
  }
  expect((await server.get('/tokens')).rowCount).toBe(before);
});

test.describe('for an auditor', () => {
  test.use({ role: 'auditor' });

  test('nothing of it is there', async ({ page, visit }) => {
    for (const address of ['/admin', '/admin/tokens/new', '/admin/applications/new', '/admin/lists/new']) {
      await visit(address, 403);
    }
    await visit('/apps');
    await expect(page.getByRole('link', { name: 'Admin', exact: true })).toHaveCount(0);
    await expect(page.getByRole('link', { name: 'save this question' })).toHaveCount(0);
  });
});
