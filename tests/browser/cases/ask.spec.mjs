// The four questions of the start page, asked by filling in and clicking.
import { APP, DELETED, GROUP, STORY, STORY_APP, groupPath } from '../support/company.mjs';
import { expect, test } from '../support/test.mjs';

const rows = (page) => page.locator('table[data-rows]').first().locator('> tbody > tr');
const AT = '2026-06-10';

async function ask(page, visit, words, fields) {
  await visit('/');
  const form = page.getByRole('form', { name: words });
  await form.getByLabel(/^Application/).selectOption(fields.Application);
  for (const [label, value] of Object.entries(fields)) {
    if (label !== 'Application') await form.getByLabel(new RegExp(`^${label}`)).fill(value);
  }
  await form.getByRole('button').click();
}

test('who was in a group', async ({ page, server, visit }) => {
  await ask(page, visit, 'Who was in a group?', { Application: APP, Group: GROUP, On: AT });
  await expect(page).toHaveURL(new RegExp(`/apps/${APP}/groups/displayName(:|%3A)${GROUP}/members\\?at=${AT}$`));
  const { rows: members } = await server.get(`${groupPath}/members?at=${AT}`);
  await expect(rows(page)).toHaveCount(members.length);
  await expect(rows(page).filter({ hasText: DELETED })).toHaveCount(1);
});

test('who had an account', async ({ page, server, visit }) => {
  await ask(page, visit, 'Who had an account?', { Application: APP, On: AT });
  await expect(page).toHaveURL(new RegExp(`/apps/${APP}/users\\?active=true&at=${AT}$`));
  const { rows: users } = await server.get(`/apps/${APP}/users?active=true&at=${AT}`);
  expect(await rows(page).locator('td:first-child').allInnerTexts()).toEqual(users.map((row) => row.userName));
});

test('what happened to somebody', async ({ page, server, visit }) => {
  await ask(page, visit, 'What happened to somebody?', { Application: STORY_APP, User: STORY });
  await expect(page).toHaveURL(/\/timeline$/);
  const { rowCount } = await server.get(`/apps/${STORY_APP}/users/userName:${STORY}/timeline`);
  await expect(rows(page)).toHaveCount(rowCount);
  await expect(page.locator('h1')).toContainText(STORY);
});

test('why somebody has no account', async ({ page, visit }) => {
  const User = 'ottilie.ferreira@fjordlight.example';
  await ask(page, visit, 'Why an account, or why none?', { Application: 'jostle', User });
  await expect(page).toHaveURL(/\/why$/);
  await expect(page.locator('h1')).toHaveText(`Why ${User} has no account in jostle`);
  await expect(page.locator('main')).toContainText('no longer assigned');
});

test('an empty date means now, and an SCIM id is as good as a name', async ({ page, server, visit }) => {
  const [{ groupId }] = (await server.get(`/apps/${APP}/groups`)).rows.filter((row) => row.displayName === GROUP);
  await ask(page, visit, 'Who was in a group?', { Application: APP, Group: groupId });
  await expect(page).toHaveURL(`${server.url}/apps/${APP}/groups/${groupId}/members`);
  const { rows: members } = await server.get(`${groupPath}/members`);
  await expect(rows(page)).toHaveCount(members.length);
});

test('a name that nobody has says so, and how to go on', async ({ page, visit, server }) => {
  await visit('/');
  const form = page.getByRole('form', { name: 'What happened to somebody?' });
  await form.getByLabel(/^Application/).selectOption(APP);
  await form.getByLabel(/^User/).fill('nobody@fjordlight.example');
  const answered = page.waitForResponse((one) => /\/users\/.*\/timeline$/.test(one.url()));
  await form.getByRole('button').click();
  expect((await answered).status()).toBe(404);
  await expect(page.locator('main')).toContainText('What to do');
  // The parts of the site stay within reach.
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Start' }).click();
  await expect(page).toHaveURL(`${server.url}/`);
});
