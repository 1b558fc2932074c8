// S1, following live: new rows are counted and wait, and the stream ends with its token.
import { STORY_APP, provision } from '../support/company.mjs';
import { expect, hostileTest, signIn, test } from '../support/test.mjs';

const rows = (page) => page.locator('table[data-rows] > tbody > tr:not(.detail)');

// Until the stream has begun, nothing is new to it.
async function follow(page) {
  const begun = page.waitForResponse((response) => response.url().includes('/operations/tail'));
  await page.getByRole('button', { name: 'Follow live' }).click();
  await begun;
}

const PROBE = '/Users?filter=userName eq "somebody new"';

test('who follows live is told of new rows, and shows them when they like @script', async ({ page, server, visit }) => {
  await visit(`/operations?app=${STORY_APP}`);
  const first = await rows(page).first().innerText();
  await follow(page);
  await expect(page.getByRole('button', { name: 'Stop following' })).toBeVisible();
  await provision(server, STORY_APP, 'GET', PROBE);
  await expect(page.locator('[data-chip]')).toHaveText('1 new', { timeout: 15_000 });
  expect(await rows(page).first().innerText()).toBe(first);
  await page.locator('[data-chip]').click();
  await expect(rows(page).first()).toContainText('GET User');
  await expect(rows(page).nth(1)).toContainText(first.split('\n')[0].trim());
  await page.getByRole('button', { name: 'Stop following' }).click();
});

test('a token that is revoked ends what follows live @script', async ({ page, server, browser, expected }) => {
  // The browser asks again, and is refused.
  expected.push(/status of 401|\/operations\/tail/);
  const { id, token } = await server.issue('auditor');
  const { cookies } = await signIn(browser, server, token);
  await page.context().clearCookies();
  await page.context().addCookies(cookies);
  await page.goto(`/operations?app=${STORY_APP}`);
  await follow(page);
  await provision(server, STORY_APP, 'GET', PROBE);
  await expect(page.locator('[data-chip]')).toHaveText('1 new', { timeout: 15_000 });
  await server.api('DELETE', `/api/v1/tokens/${id}`);
  await provision(server, STORY_APP, 'GET', PROBE);
  await expect(page.getByRole('button', { name: 'Follow live' })).toBeVisible({ timeout: 20_000 });
  await expect(page.locator('[data-chip]')).toHaveText('1 new');
  await page.reload();
  await expect(page.locator('input[name=token]')).toBeVisible();
});

hostileTest('hostile texts are text when they arrive live @script', async ({ page, server, visit }) => {
  await visit('/operations?app=hostile');
  await follow(page);
  const filter = encodeURIComponent('userName eq "<img src=x onerror=window.hostile=1>"');
  await provision(server, 'hostile', 'GET', `/Users?filter=${filter}`);
  await page.locator('[data-chip]').click({ timeout: 15_000 });
  await expect(page.locator('tr.fresh')).toContainText('<img src=x');
  expect(await page.evaluate(() => window.hostile)).toBeUndefined();
  expect(await page.locator('tr.fresh img').count()).toBe(0);
});
