// S2, one operation: what it was, what came of it, and what to do.
import { APP, STORY, STORY_APP } from '../support/company.mjs';
import { expect, test } from '../support/test.mjs';

test('a refusal shows its status, its reason and what to do', async ({ page, server, visit }) => {
  const { rows } = await server.get(`/operations?app=${STORY_APP}&status=failure&action=create`);
  const refused = rows.find((row) => row.httpStatus === 409);
  await visit(`/operations/${refused.seq}`);
  const main = page.locator('main');
  await expect(main).toContainText('409');
  await expect(main).toContainText('failure');
  await expect(main).toContainText(refused.scimType);
  await expect(main).toContainText(refused.reason);
});

test('no secret is on the page', async ({ page, server, visit }) => {
  const { rows } = await server.get(`/operations?app=${APP}&limit=5`);
  for (const { seq } of rows) {
    await visit(`/operations/${seq}`);
    const html = await page.content();
    for (const token of [
      server.adminToken,
      await server.tokenOf('auditor'),
      await server.tokenOf('scim', APP),
    ]) {
      expect(html).not.toContain(token);
    }
    expect(html).not.toMatch(/Bearer [0-9a-f]{16}/);
  }
});

test('the id and the number lead to the same operation', async ({ page, server, visit }) => {
  const address = `/apps/${STORY_APP}/users/${encodeURIComponent(`userName:${STORY}`)}/timeline`;
  const [last] = (await server.get(address)).rows;
  await visit(`/operations/${last.seq}`);
  const main = await page.locator('main').innerText();
  await visit(`/operations/${last.eventId}`);
  const same = await page.locator('main').innerText();
  const unnamed = (text) => text.replaceAll(last.eventId, '').replaceAll(String(last.seq), '');
  expect(unnamed(same)).toBe(unnamed(main));
});

test('what is not there explains itself', async ({ page, visit }) => {
  await visit('/operations/999999999', 404);
  await expect(page.locator('main')).toContainText('What to do');
  await expect(page.locator('main').getByRole('link').first()).toBeVisible();
});

test('a refusal leads to advice, and to the same elsewhere', async ({ page, server, visit }) => {
  const { rows } = await server.get(`/operations?app=${STORY_APP}&httpStatus=409`);
  await visit(`/operations/${rows[0].seq}`);
  const advice = page.locator('section.advice');
  await expect(advice).toContainText('409 uniqueness');
  await expect(advice).toContainText('What to do');
  await advice.getByRole('link', { name: 'The same elsewhere' }).click();
  await expect(page).toHaveURL(/httpStatus=409/);
  await expect(page.locator('table[data-rows] > tbody > tr:not(.detail)')).toHaveCount(rows.length);
});

test('a link to a tab opens that tab', async ({ page, server, visit }) => {
  const { rows } = await server.get('/operations?source=imported&limit=20');
  const { seq } = rows.find((row) => row.operation.includes('provisioning'));
  for (const [tab, name] of [['steps', 'Steps'], ['request', 'Request and response'], ['integrity', 'Integrity']]) {
    await visit(`/operations/${seq}?tab=${tab}`);
    const current = page.getByRole('navigation', { name: 'Operation' }).locator('[aria-current]');
    await expect(current).toContainText(name);
  }
  await visit(`/operations/${seq}?tab=steps`);
  await expect(page.locator('table', { hasText: 'Steps' }).locator('tbody tr').first()).toBeVisible();
});

test('a body is shown pretty or raw', async ({ page, server, visit }) => {
  const { rows } = await server.get(`/operations?app=${STORY_APP}&action=update&limit=1`);
  await visit(`/operations/${rows[0].seq}?tab=request`);
  const body = page.locator('pre.body').first();
  expect((await body.innerText()).split('\n').length).toBeGreaterThan(2);
  await page.getByRole('link', { name: 'Raw' }).click();
  await expect(page).toHaveURL(/body=raw/);
  expect((await body.innerText()).split('\n')).toHaveLength(1);
});

test.describe('an admin', () => {
  test.use({ role: 'admin' });
  test('adds evidence', async ({ page, server, visit }) => {
    const { rows } = await server.get(`/operations?app=${APP}&action=update&limit=1`);
    await visit(`/operations/${rows[0].seq}?tab=evidence`);
    const reference = `CHG-${Date.now()}`;
    await page.getByLabel('Kind').fill('ticket');
    await page.getByLabel('Reference').fill(reference);
    await page.getByLabel('Approved on').fill('2026-06-29');
    await page.getByRole('button', { name: 'Add evidence' }).click();
    await expect(page).toHaveURL(/tab=evidence/);
    await expect(page.getByRole('cell', { name: reference })).toBeVisible();
  });
});
