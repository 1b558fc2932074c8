// S1, the log explorer: filters, paging, keys, histogram, live tail, and what is taken along.
import { STORY_APP, provision } from '../support/company.mjs';
import { expect, signIn, test } from '../support/test.mjs';

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

test('the keyboard alone finds a failure, looks into it and opens it @script', async ({ page, visit }) => {
  await visit('/operations?limit=20');
  await page.keyboard.press('/');
  await page.keyboard.type('status:failure');
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/failure/);
  await expect(rows(page).first()).toContainText('failure');
  const texts = await rows(page).allInnerTexts();
  for (const text of texts) expect(text).toContain('failure');
  await page.keyboard.press('j');
  await expect(rows(page).nth(0)).toHaveClass(/\bat\b/);
  await page.keyboard.press('j');
  await expect(rows(page).nth(1)).toHaveClass(/\bat\b/);
  await page.keyboard.press('k');
  await expect(rows(page).nth(0)).toHaveClass(/\bat\b/);
  await page.keyboard.press('e');
  await expect(page.locator('tr.detail')).toBeVisible();
  // Enter opens the operation, and does not close the row that `e` has opened.
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/\/operations\/\d+$/);
  await page.goBack();
  await expect(page.locator('tr.detail')).toBeVisible();
  await page.keyboard.press('j');
  await expect(rows(page).nth(0)).toHaveClass(/\bat\b/);
  await page.keyboard.press('j');
  await expect(rows(page).nth(1)).toHaveClass(/\bat\b/);
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/\/operations\/[^?]/);
});

test('a value of a filter narrows to as many as it says', async ({ page, visit }) => {
  await visit('/operations');
  const failure = page.locator('aside.facets a', { hasText: 'failure' }).first();
  const count = (await failure.locator('.count').innerText()).trim();
  await failure.click();
  await expect(page).toHaveURL(/failure/);
  await expect(page.locator('table[data-rows] [data-count]').first()).toContainText(count);
  const chosen = page.locator('.range').getByRole('link', { name: /^Take out/ });
  await chosen.first().click();
  await expect(page).not.toHaveURL(/failure/);
});

test('dragging over the histogram narrows the time and the count @script', async ({ page, visit }) => {
  await visit('/operations');
  const count = page.locator('table[data-rows] [data-count]').first();
  const before = await count.innerText();
  const chart = page.locator('svg[data-brush]');
  const box = await chart.boundingBox();
  await page.evaluate(() => { window.stays = true; });
  await page.mouse.move(box.x + box.width * 0.4, box.y + box.height / 2);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.6, box.y + box.height / 2, { steps: 5 });
  await page.mouse.up();
  await expect(page).toHaveURL(/from=.*to=/);
  await expect(count).not.toHaveText(before);
  expect(await page.evaluate(() => window.stays)).toBe(true);
  const { searchParams } = new URL(page.url());
  expect(Date.parse(searchParams.get('from'))).toBeLessThan(Date.parse(searchParams.get('to')));
  // The address alone says the same.
  const narrowed = await count.innerText();
  await page.reload();
  await expect(count).toHaveText(narrowed);
  await page.goBack();
  await expect(count).toHaveText(before);
});

test('an old log that was imported does not squeeze the picture of the rest', async ({ page, server, visit }) => {
  const count = page.locator('[data-part="rows"] [data-count]').first();
  const chart = page.locator('svg.histogram');
  const before = (await server.get('/operations?to=2026-01-01')).rowCount;
  const all = (await server.get('/operations')).rowCount;
  expect(before).toBeGreaterThan(0);
  await visit('/operations');
  // The list and its count have all; the picture says what it leaves out.
  await expect(count).toContainText(`of ${all.toLocaleString('en')} rows`);
  await expect(chart).toHaveAttribute('data-from', /^2026-0[56]/);
  const words = page.locator('.undrawn');
  await expect(words).toContainText(`${before} operations from 2020-`);
  await words.getByRole('link', { name: 'show them' }).click();
  await expect(rows(page)).toHaveCount(before);
  await expect(page).toHaveURL(/from=2020.*to=202/);
  await visit('/operations');
  await words.getByRole('link', { name: 'draw all' }).click();
  await expect(page).toHaveURL(/from=2020/);
  await expect(chart).toHaveAttribute('data-from', /^2020/);
  await expect(count).toContainText(`of ${all.toLocaleString('en')} rows`);
});

test('a key tells the keys @script', async ({ page, visit }) => {
  await visit('/operations?limit=20');
  await page.keyboard.press('?');
  await expect(page.getByRole('dialog')).toContainText('next or previous row');
  await page.keyboard.press('Escape');
  await expect(page.getByRole('dialog')).toBeHidden();
});

test('an empty answer says what to relax', async ({ page, visit }) => {
  await visit('/operations?status=failure&from=2026-06-30T11:59:00Z&to=2026-06-30T11:59:30Z');
  await expect(rows(page)).toHaveCount(0);
  await expect(page.locator('.empty')).toBeVisible();
  expect(await page.locator('.empty').getByRole('link').count()).toBeGreaterThan(0);
});

test('the line that filters becomes the address', async ({ page, visit }) => {
  await visit('/operations?limit=20');
  const line = page.getByRole('searchbox', { name: 'Filter' });
  await line.fill(`status:failure app:${STORY_APP} http:409`);
  await line.press('Enter');
  await expect(page).toHaveURL(/status=failure/);
  const { searchParams } = new URL(page.url());
  expect(Object.fromEntries(searchParams)).toEqual({
    app: STORY_APP, status: 'failure', httpStatus: '409', limit: '20',
  });
  await expect(line).toHaveValue(`app:${STORY_APP} status:failure http:409`);
  expect(await rows(page).count()).toBeGreaterThan(0);
  for (const row of await texts(page)) expect(row).toMatch(/failure\s+409/);

  await line.fill('colour:red');
  await line.press('Enter');
  await expect(page.locator('.field.wrong')).toContainText('colour:red');
});

test('a value of a facet adds its filter and takes it out again', async ({ page, visit }) => {
  await visit(`/operations?app=${STORY_APP}`);
  const facets = page.getByRole('complementary', { name: 'Narrow by' });
  const failure = facets.getByRole('link', { name: /^failure/ });
  const count = Number((await failure.innerText()).replaceAll(/\D/g, ''));
  await failure.click();
  await expect(page).toHaveURL(/status=failure/);
  await expect(page.locator('[data-part="rows"] [data-count]').first()).toContainText(
    new RegExp(`\\b${count.toLocaleString('en')} rows`),
  );
  await facets.getByRole('link', { name: /failure/ }).click();
  await expect(page).not.toHaveURL(/status=/);
});

test('a bar leads to its time, and the counts follow', async ({ page, visit }) => {
  await visit('/operations?from=2026-06-20&to=2026-06-27');
  const bar = page.locator('svg.histogram a').first();
  const words = await bar.locator('title').first().textContent();
  const count = [...words.split(': ').at(-1).matchAll(/(\d[\d,]*) \w+/g)]
    .map(([, number]) => Number(number.replaceAll(',', '')))
    .reduce((sum, one) => sum + one);
  await page.goto(await bar.getAttribute('href'));
  await expect(page.locator('[data-part="rows"] [data-count]').first()).toContainText(
    new RegExp(`\\b${count.toLocaleString('en')} row`),
  );
});

test('a row opens in its place', async ({ page, visit }) => {
  await visit('/operations?status=failure&limit=5');
  await rows(page).nth(1).getByRole('link', { name: 'Open row' }).click();
  await expect(page.locator('tr.detail')).toHaveCount(1);
  await expect(page).toHaveURL(/open=\d+/);
  await page.locator('tr.detail summary').click();
  await expect(page.locator('tr.detail pre')).toContainText('"eventId"');
  await rows(page).nth(1).getByRole('link', { name: 'Close row' }).click();
  await expect(page.locator('tr.detail')).toHaveCount(0);
});

test('new operations wait behind a chip until they are asked for @script', async ({ page, server, visit }) => {
  await visit(`/operations?app=${STORY_APP}&limit=20`);
  const before = await texts(page);
  const stream = page.waitForResponse((response) => response.url().includes('/operations/tail'));
  await page.getByRole('button', { name: 'Follow live' }).click();
  expect((await stream).status()).toBe(200);
  const name = `tail-${Date.now()}@fjordlight.example`;
  const user = { schemas: ['urn:ietf:params:scim:schemas:core:2.0:User'], userName: name };
  const chip = page.locator('[data-chip]');
  await expect(async () => {
    // The stream begins a moment after its head.
    await provision(server, STORY_APP, 'GET', '/Users?count=1', undefined, 200);
    await expect(chip).toBeVisible({ timeout: 3_000 });
  }).toPass();
  await provision(server, STORY_APP, 'POST', '/Users', user, 201);
  await expect(async () => {
    expect(await texts(page)).toEqual(before);
    expect(Number.parseInt(await chip.innerText(), 10)).toBeGreaterThan(1);
  }).toPass();
  await chip.click();
  await expect(rows(page).first()).toContainText(name);
  await page.getByRole('button', { name: 'Stop following' }).click();
});

test('a tail ends with its token @script', async ({ browser, server }) => {
  const { id, token } = await server.issue('auditor');
  const context = await browser.newContext({
    baseURL: server.url, storageState: await signIn(browser, server, token),
  });
  const page = await context.newPage();
  await page.goto('/operations');
  const stream = page.waitForResponse((response) => response.url().includes('/operations/tail'));
  await page.getByRole('button', { name: 'Follow live' }).click();
  await stream;
  await server.api('DELETE', `/api/v1/tokens/${id}`);
  await expect(page.getByRole('button', { name: 'Follow live' })).toBeVisible();
  await expect(page.locator('[data-live]')).toContainText('Following has ended');
  await context.close();
});
