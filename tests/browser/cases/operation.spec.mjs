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
