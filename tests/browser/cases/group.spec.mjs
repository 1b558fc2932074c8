// S4, a group: members at an instant, stays, and what differs between two instants.
import { APP, DELETED, GROUP, groupPath, provision } from '../support/company.mjs';
import { clockTest, expect, test } from '../support/test.mjs';

const rows = (page) => page.locator('table[data-rows] > tbody > tr:not(.detail)');

test('the members at a date are those of the API', async ({ page, server, visit }) => {
  const address = `${groupPath}/members?at=2026-06-10`;
  const names = (await server.get(address)).rows.map((row) => row.userName);
  expect(names).toContain(DELETED);
  await visit(address);
  await expect(page.locator('h1')).toContainText(GROUP);
  const shown = await rows(page).locator('td:first-child').allInnerTexts();
  expect(shown).toEqual(names);
});

clockTest.describe('somebody leaves and comes back', () => {
  const USER = 'urn:ietf:params:scim:schemas:core:2.0:User';
  const GROUP_SCHEMA = 'urn:ietf:params:scim:schemas:core:2.0:Group';
  const PATCH = 'urn:ietf:params:scim:api:messages:2.0:PatchOp';

  clockTest('two stays, two bars, and the difference between two instants', async ({ page, server, visit, signInAgain }) => {
    const scim = (method, address, body) => provision(server, APP, method, address, body);
    const user = await scim('POST', '/Users', { schemas: [USER], userName: 'comes.and.goes@fjordlight.example' });
    const member = { value: user.id };
    const group = await scim('POST', '/Groups', {
      schemas: [GROUP_SCHEMA],
      displayName: 'Comings and goings',
      members: [member],
    });
    const change = (operation) => scim('PATCH', `/Groups/${group.id}`, { schemas: [PATCH], Operations: [operation] });
    const start = await server.clock('+1h');
    await change({ op: 'remove', path: `members[value eq "${user.id}"]` });
    const left = await server.clock('+1h');
    await change({ op: 'add', path: 'members', value: [member] });
    const back = await server.clock('+1h');

    await signInAgain();
    const address = `/apps/${APP}/groups/${group.id}`;
    await visit(`${address}/intervals`);
    await expect(rows(page)).toHaveCount(2);
    await expect(page.locator('main')).toContainText('comes.and.goes@');

    await visit(`${address}/members?at=${left}`);
    await expect(rows(page)).toHaveCount(1);
    await visit(`${address}/members?at=${start}`);
    await expect(rows(page)).toHaveCount(0);
    await visit(`${address}/members?at=${back}`);
    await expect(rows(page)).toHaveCount(1);

    const difference = async (from, to, word) => {
      await visit(`${address}/diff?from=${from}&to=${to}`);
      await expect(rows(page)).toHaveCount(1);
      await expect(rows(page)).toContainText(word);
    };
    await difference(start, left, 'removed');
    await difference(left, back, 'added');
    await difference(start, back, 'returned');
  });
});
