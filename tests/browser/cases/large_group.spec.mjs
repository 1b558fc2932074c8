// A group of 5,000 stays quick, and is shown page by page.
import { APP, provision } from '../support/company.mjs';
import { clockTest as test, expect } from '../support/test.mjs';

const USER = 'urn:ietf:params:scim:schemas:core:2.0:User';
const GROUP = 'urn:ietf:params:scim:schemas:core:2.0:Group';
const SIZE = 5_000;
// Of a build without optimisation, on a busy machine; a page that looked at every member again for each
// row would take minutes.
const SLOW_MS = 4_000;

test('5,000 members', async ({ page, server, visit }) => {
  test.setTimeout(180_000);
  const create = async (number) => {
    const userName = `member-${String(number).padStart(4, '0')}@fjordlight.example`;
    const made = await provision(server, APP, 'POST', '/Users', { schemas: [USER], userName }, 201);
    return { value: made.id };
  };
  const members = [];
  while (members.length < SIZE) {
    const some = Array.from({ length: 50 }, (_, number) => create(members.length + number));
    members.push(...(await Promise.all(some)));
  }
  const body = { schemas: [GROUP], displayName: 'Everybody', members };
  const group = await provision(server, APP, 'POST', '/Groups', body, 201);
  for (const tab of ['', '/members', '/intervals', '/timeline']) {
    const begun = Date.now();
    await visit(`/apps/${APP}/groups/${group.id}${tab}`);
    expect(Date.now() - begun, tab).toBeLessThan(SLOW_MS);
  }
  await visit(`/apps/${APP}/groups/${group.id}/members`);
  await expect(page.locator('[data-count]').first()).toContainText('5,000');
  await expect(page.locator('table[data-rows] > tbody > tr')).toHaveCount(100);
  await page.getByRole('link', { name: 'Next page' }).first().click();
  await expect(page).toHaveURL(/cursor=/);
  await expect(page.locator('table[data-rows] > tbody > tr')).toHaveCount(100);
});
