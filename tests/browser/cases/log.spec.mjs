// S1, the log explorer: filters, paging, keys, histogram, live tail, and what is taken along.
import { STORY_APP } from '../support/company.mjs';
import { expect, test } from '../support/test.mjs';

const rows = (page) => page.locator('table[data-rows] > tbody > tr:not(.detail)');
const texts = (page) => rows(page).allInnerTexts();
const failures = `/operations?app=${STORY_APP}&status=failure&action=create&limit=5`;

test('three filters hold over pages, a reload and Back', async ({ page, visit }) => {
  await visit(failures);
  const first = await texts(page);
  expect(first).toHaveLength(5);
  for (const row of first) expect(row).toMatch(/failure/);
  const begin = page.url();

  await page.getByRole('link', { name: 'Next page' }).first().click();
  await expect(page).toHaveURL(/cursor=/);
  for (const [name, value] of new URL(begin).searchParams) {
    expect(new URL(page.url()).searchParams.get(name), name).toBe(value);
  }
  const second = await texts(page);
  expect(second.length).toBeGreaterThan(0);
  expect(second.filter((row) => first.includes(row))).toEqual([]);
  const there = page.url();

  await page.reload();
  expect(await texts(page)).toEqual(second);
  await page.goBack();
  await expect(page).toHaveURL(begin);
  expect(await texts(page)).toEqual(first);
  await page.goForward();
  await expect(page).toHaveURL(there);
  expect(await texts(page)).toEqual(second);
});

test('what is exported is what is counted', async ({ page, server, visit }) => {
  await visit(failures);
  const shown = await page.locator('[data-count]').first().innerText();
  const count = Number(/of ([\d,]+)/.exec(shown)[1].replaceAll(',', ''));
  const json = page.getByRole('link', { name: 'JSON', exact: true });
  const answer = await (await page.request.get(await json.getAttribute('href'))).json();
  expect(answer.rowCount).toBe(count);
  expect(count).toBeGreaterThan(5);
  const csv = page.getByRole('link', { name: 'CSV', exact: true });
  const file = await page.request.get(await csv.getAttribute('href'));
  expect(file.ok()).toBe(true);
  const command = page.locator('details.pop', { hasText: 'as command' });
  await command.locator('summary').click();
  await expect(command.locator('code')).toContainText('provlog log');
  const curl = page.locator('details.pop', { hasText: 'as curl' });
  await curl.locator('summary').click();
  await expect(curl.locator('code')).toContainText('/api/v1/operations?');
  const html = await page.content();
  expect(html).not.toContain(await server.tokenOf('auditor'));
});

test('the keyboard alone goes through the rows and opens one @script', async ({ page, visit }) => {
  await visit('/operations?status=failure&limit=20');
  await page.keyboard.press('?');
  await expect(page.getByRole('dialog')).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(page.getByRole('dialog')).toBeHidden();
  await page.keyboard.press('j');
  await page.keyboard.press('j');
  await expect(rows(page).nth(1)).toHaveClass(/at/);
  await page.keyboard.press('k');
  await expect(rows(page).nth(0)).toHaveClass(/at/);
  const link = rows(page).nth(0).locator('td:not(.open) a[href]').first();
  const to = await link.getAttribute('href');
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(new URL(to, page.url()).href);
});

test('an empty answer says what to relax', async ({ page, visit }) => {
  await visit('/operations?status=failure&from=2026-06-30T11:59:00Z&to=2026-06-30T11:59:30Z');
  await expect(rows(page)).toHaveCount(0);
  await expect(page.locator('.empty')).toBeVisible();
  expect(await page.locator('.empty').getByRole('link').count()).toBeGreaterThan(0);
});
