// An admin imports a provider's log: the form, how far it is, and what came of it.
import { expect, fits, test } from '../support/test.mjs';

test.use({ role: 'admin' });

const record = (id, more = {}) =>
  JSON.stringify({
    id, activityDateTime: '2026-06-20T08:02:11Z', provisioningAction: 'create',
    provisioningStatusInfo: { status: 'success' },
    targetIdentity: { id: `t-${id}`, identityType: 'User' }, ...more,
  });

const log = (name, lines) => ({ name, mimeType: 'application/json', buffer: Buffer.from(lines.join('\n')) });

// An application that nothing was imported into, with its page of imports.
async function fresh({ server, visit }, info) {
  // A server outlives its test, and may serve the same test again.
  const application = `raft-${info.testId.slice(-12)}-${info.retry}-${info.repeatEachIndex}`;
  await server.api('POST', '/api/v1/apps', { body: { application } });
  await visit(`/apps/${application}/imports`);
  return application;
}

const send = async (page, ...files) => {
  await page.getByLabel(/^Files/).setInputFiles(files);
  await page.getByRole('button', { name: 'Import', exact: true }).click();
};

const ended = (page) => expect(page.getByRole('link', { name: 'Imports and another file' })).toBeVisible({ timeout: 15_000 });

test('a log is imported once, and what was refused is told', async ({ page, visit, server, accessible }, info) => {
  const app = await fresh({ server, visit }, info);
  await accessible();
  await fits(page);
  const file = log('june <b>.ndjson', [record('a'), record('b'), '{"id": broken}']);
  await send(page, file);
  await expect(page).toHaveURL(new RegExp(`/apps/${app}/imports/[0-9a-f]+$`));
  await ended(page);
  await expect(page.locator('.wait')).toContainText('One record was refused');
  await expect(page.locator('.wait')).toContainText('3 read: 2 new, 0 known, 1 refused');
  await expect(page.locator('.told')).toContainText('june <b>.ndjson:3:');
  await accessible();
  await fits(page);

  await page.getByRole('link', { name: 'Imports and another file' }).click();
  await expect(page.getByText('1 row', { exact: true })).toBeVisible();
  await send(page, file);
  await ended(page);
  await expect(page.locator('.wait')).toContainText('3 read: 0 new, 2 known, 1 refused');
});

test('a form without a file that is a log says so', async ({ page, visit, server }, info) => {
  await fresh({ server, visit }, info);
  await send(page, log('notes.txt', ['hello']));
  await ended(page);
  await expect(page.locator('.wait')).toContainText('None of the files was imported');
  await expect(page.locator('.told')).toContainText('notes.txt: this is no log of Microsoft Entra that is known');
});

test('it shows how much was sent and how far it is @script', async ({ page, visit, server, accessible }, info) => {
  const app = await fresh({ server, visit }, info);
  const lines = Array.from({ length: 24_000 }, (_, at) => record(`e${at}`, { more: 'x'.repeat(200) }));
  // Nothing of it leaves the browser until it is cancelled.
  const address = `**/apps/${app}/imports`;
  await page.route(address, () => {});
  await send(page, log('large.ndjson', lines));
  await expect(page.locator('.sending')).toContainText(/Sending 0 MiB of [\d.]+ MiB/);
  await expect(page.locator('.sending progress')).toBeVisible();
  await accessible();
  await page.getByRole('button', { name: 'Cancel' }).click();
  await expect(page.locator('.error')).toContainText('It was cancelled.');
  await page.unroute(address);
  // What the panel says while the import goes on, as the page changes by itself.
  await page.addInitScript(() => {
    new MutationObserver(() => {
      const panel = document.querySelector('[data-part="import"]');
      if (panel) sessionStorage.said = `${sessionStorage.said ?? ''}\n${panel.textContent}`;
    }).observe(document, { subtree: true, childList: true });
  });
  await page.getByRole('button', { name: 'Import', exact: true }).click();
  await ended(page);
  await expect(page.locator('.wait.good')).toContainText('24000 read: 24000 new, 0 known, 0 refused');
  const said = await page.evaluate(() => sessionStorage.said);
  expect(said).toMatch(/(Looking through|Importing) large.ndjson: \d+ [KM]iB of \d+ MiB/);
});

test('what is too large is not sent @script', async ({ page, visit, server }, info) => {
  await fresh({ server, visit }, info);
  await page.locator('input[type=file]').evaluate((input) => { input.dataset.bytesMax = '10'; });
  await send(page, log('a.ndjson', [record('a')]));
  await expect(page.locator('.error')).toContainText('too large for the form');
  await expect(page.getByText('provlog import --app')).toBeVisible();
});

test('what something before the server refuses is told @script', async ({ page, visit, server, expected }, info) => {
  expected.push(/status of 413/);
  const app = await fresh({ server, visit }, info);
  await page.route(`**/apps/${app}/imports`, (route) => route.fulfill({ status: 413, contentType: 'text/html', body: '<h1>Too Large</h1>' }));
  await send(page, log('a.ndjson', [record('a')]));
  await expect(page.locator('.error')).toContainText('refused (status 413)');
  await expect(page.getByRole('button', { name: 'Import', exact: true })).toBeEnabled();
  const many = Array.from({ length: 21 }, (_, at) => log(`${at}.ndjson`, [record(`m${at}`)]));
  await send(page, ...many);
  await expect(page.locator('.error')).toContainText('takes 20 files at once');
});

test.describe('for an auditor', () => {
  test.use({ role: 'auditor' });

  test('the imports are there, and no form', async ({ page, visit, server }) => {
    const [{ application }] = (await server.get('/apps')).rows;
    await visit(`/apps/${application}/imports`);
    await expect(page.getByRole('heading', { level: 1 })).toContainText('Imports into');
    await expect(page.locator('input[type=file]')).toHaveCount(0);
  });
});
