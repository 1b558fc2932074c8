// S6, integrity: what was not watched, where the log ends, and who looked.
import { APP } from '../support/company.mjs';
import { expect, freshTest, test } from '../support/test.mjs';

const rows = (page) => page.locator('table[data-rows]').first().locator('> tbody > tr');
const time = (moment) => moment.slice(0, 19).replace('T', ' ');
const fact = (page, label) =>
  page.locator('.facts dl > div', { has: page.getByText(label, { exact: true }) }).locator('dd');

test('what was not watched is that of the API, in the table and in the picture', async ({ page, server, visit, accessible }) => {
  await visit('/integrity');
  const { rows: gaps } = await server.get('/coverage?from=-90d');
  await expect(rows(page)).toHaveCount(gaps.length);
  for (const gap of gaps.filter((one) => one.application === null && one.from && one.to)) {
    const row = rows(page).filter({ hasText: time(gap.from) }).filter({ hasText: time(gap.to) });
    await expect(row).toContainText(gap.reason);
  }
  await expect(rows(page).filter({ hasText: 'recorder killed' })).toHaveCount(1);
  // What has no length has no place in it.
  const of_server = gaps.filter((one) => one.application === null && one.from !== one.to);
  const strip = page.getByRole('img', { name: /^When the server was watching/ });
  await expect(strip).toHaveAccessibleName(new RegExp(`: ${of_server.length} gaps$`));
  await expect(strip.locator('title', { hasText: 'recorder killed' })).toHaveCount(1);
  await accessible();
});

test('a time and an application narrow it, and the address says so', async ({ page, server, visit }) => {
  await visit('/integrity');
  await page.getByLabel('Application').fill(APP);
  await page.getByLabel('From').fill('2026-06-10');
  await page.getByRole('button', { name: 'Show' }).click();
  await expect(page).toHaveURL(new RegExp(`/integrity\\?.*app=${APP}`));
  const { rows: gaps } = await server.get(`/coverage?app=${APP}&from=2026-06-10`);
  await expect(rows(page)).toHaveCount(gaps.length);
  await expect(page.locator('main')).toContainText(`What was watched of ${APP}`);
});

test('where the log ends is what the API says', async ({ page, server, visit }) => {
  await visit('/integrity');
  const seq = Number((await fact(page, 'Last event').innerText()).trim());
  const { head } = await server.get('/coverage');
  // Looking at the page is an event, and asking the API another.
  expect(head.seq - seq).toBeGreaterThan(0);
  expect(head.seq - seq).toBeLessThan(20);
  await expect(fact(page, 'Events')).toHaveText((seq + 1).toLocaleString('en'));
  await expect(fact(page, 'The record begins')).toContainText('2026-05-31');
});

test('what was signed is what the checkpoint says, and the log can be verified now', async ({ page, server, visit, accessible }) => {
  await visit('/integrity');
  const text = await (await page.request.get(`${server.url}/tlog/checkpoint`)).text();
  const [origin, size] = text.split('\n');
  await expect(fact(page, 'Log')).toHaveText(origin);
  const shown = Number((await fact(page, 'Events signed').innerText()).replace(/\D/g, ''));
  expect(Number(size) - shown).toBeLessThan(100);
  await expect(fact(page, 'Key')).toContainText(`${origin}+`);
  await page.getByRole('button', { name: 'Verify now' }).click();
  await expect(async () => {
    await page.reload();
    await expect(fact(page, 'Result')).toContainText('success', { timeout: 500 });
  }).toPass();
  await expect(fact(page, 'Events verified')).toHaveText(/^[\d,]+$/);
  await accessible();
});

test('who looked stands in the access log, once', async ({ page, server, visit }, info) => {
  const instant = `2026-06-1${info.workerIndex % 10}T0${info.retry}:00:0${info.repeatEachIndex % 10}Z`;
  const looked = `/apps/${APP}/users?at=${instant}`;
  await visit(looked);
  await visit('/integrity');
  await page.getByRole('main').getByRole('link', { name: 'Access log' }).click();
  await expect(page).toHaveURL(/\/access-log$/);
  const entry = rows(page).filter({ hasText: instant });
  await expect(entry).toHaveCount(1);
  await expect(entry).toContainText('auditor');
  await expect(entry).toContainText('200');
  const { rows: read } = await server.get('/access-log?limit=50');
  const { rowCount } = await server.get(`/apps/${APP}/users?at=${instant}`);
  const [of_api] = read.filter((row) => row.target?.includes(instant));
  expect(of_api.rows).toBe(rowCount);
});

freshTest('a new log says what was not watched before it', async ({ page, visit }) => {
  await visit('/integrity');
  await expect(rows(page).filter({ hasText: 'before the record began' })).toHaveCount(1);
  await expect(page.locator('main')).toContainText('Every event is kept');
});
