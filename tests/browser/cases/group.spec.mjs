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

    // A bar for each row of the table, in one row of bars, because it is one member.
    await expect(page.locator('.bars > li:not(.axis)')).toHaveCount(1);
    await expect(page.locator('.bars rect.stay')).toHaveCount(2);

    await visit(`${address}/members?at=${left}`);
    await expect(rows(page)).toHaveCount(1);
    await visit(`${address}/members?at=${start}`);
    await expect(rows(page)).toHaveCount(0);
    await visit(`${address}/members?at=${back}`);
    await expect(rows(page)).toHaveCount(1);

    const difference = async (from, to, word, list) => {
      await visit(`${address}/diff?from=${from}&to=${to}`);
      await expect(rows(page)).toHaveCount(1);
      await expect(rows(page)).toContainText(word);
      // The lists side by side say the same.
      const lists = page.locator('.changes section');
      await expect(lists.filter({ hasText: list })).toContainText('comes.and.goes@');
      await expect(lists.filter({ hasText: 'Nobody' })).toHaveCount(2);
    };
    await difference(start, left, 'removed', 'Removed');
    await difference(left, back, 'added', 'Added');
    await difference(start, back, 'returned', 'Left and returned');
  });
});

test('the page of a group is about its instant', async ({ page, server, visit }) => {
  const at = '2026-06-10';
  const { rows: expected } = await server.get(`${groupPath}/members?at=${at}`);
  await visit(`${groupPath}?at=${at}`);
  await expect(rows(page)).toHaveCount(expected.length);
  await expect(page.locator('.facts div', { hasText: 'Members' })).toContainText(String(expected.length));
  // The numbers of the chart are those of the question.
  const { rows: sizes } = await server.get(`${groupPath}/sizes`);
  await expect(page.locator('details.numbers tbody tr')).toHaveCount(sizes.length);
  await page.locator('nav.moves a[rel=prev]').click();
  await expect(page).toHaveURL(/[?&]at=2026/);
});

test.describe('the mark of a privileged group', () => {
  test.use({ role: 'admin' });

  test('an admin marks a group and takes the mark away', async ({ page, server, visit }) => {
    const group = (await server.get(`/apps/${APP}/groups`)).rows.find((row) => !row.privileged);
    await visit(`/apps/${APP}/groups/${group.groupId}`);
    const fact = page.locator('.facts dl > div', { hasText: 'Privileged' }).locator('dd');
    await page.getByRole('button', { name: 'Mark as privileged' }).click();
    await expect(fact).toContainText('privileged');
    await page.getByRole('button', { name: 'Remove the mark' }).click();
    await expect(fact).toContainText('not marked');
  });
});

test('an auditor has no button that marks', async ({ page, visit }) => {
  await visit(groupPath);
  await expect(page.locator('.facts').first()).toBeVisible();
  await expect(page.getByRole('button', { name: /privileged/ })).toHaveCount(0);
});

clockTest('a group of 5,000 members stays quick, and is shown page by page', async ({ page, server, visit, signInAgain }) => {
  const SIZE = 5_000;
  // Of a build without optimisation, on a busy machine: a page that looked at every member again for each
  // row would take minutes.
  const SLOW_MS = 3_000;
  const PATCH = 'urn:ietf:params:scim:api:messages:2.0:PatchOp';
  const scim = (method, address, body) => provision(server, APP, method, address, body);
  const group = await scim('POST', '/Groups', {
    schemas: ['urn:ietf:params:scim:schemas:core:2.0:Group'],
    displayName: 'Everybody',
  });
  // More than a page of members that have accounts and names, and many that are known by their ids alone.
  const create = async (number) => {
    const userName = `member-${String(number).padStart(4, '0')}@fjordlight.example`;
    const schemas = ['urn:ietf:params:scim:schemas:core:2.0:User'];
    return { value: (await scim('POST', '/Users', { schemas, userName })).id };
  };
  const members = [];
  while (members.length < 150) {
    const some = Array.from({ length: 50 }, (_, number) => create(members.length + number));
    members.push(...(await Promise.all(some)));
  }
  while (members.length < SIZE) members.push({ value: `person-${members.length}` });
  for (let start = 0; start < SIZE; start += 1_000) {
    const add = { schemas: [PATCH], Operations: [{ op: 'add', path: 'members', value: members.slice(start, start + 1_000) }] };
    await scim('PATCH', `/Groups/${group.id}`, add);
  }
  await signInAgain();
  for (const tab of ['', '/intervals', '/diff', '/timeline', '/members']) {
    const started = Date.now();
    await visit(`/apps/${APP}/groups/${group.id}${tab}`);
    if (tab !== '/timeline') await expect(page.locator('main')).toContainText('5,000');
    expect(Date.now() - started, tab).toBeLessThan(SLOW_MS);
  }
  const seen = [];
  for (const part of ['1–100', '100']) {
    await expect(page.locator('[data-count]').first()).toContainText(`${part} of 5,000`);
    await expect(rows(page)).toHaveCount(100);
    seen.push(...(await rows(page).locator('td:last-child').allInnerTexts()));
    await page.getByRole('link', { name: 'Next page' }).first().click();
    await expect(page).toHaveURL(/cursor=/);
  }
  expect(new Set(seen).size).toBe(200);
});
