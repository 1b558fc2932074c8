// S3, a user: the state at an instant, where each value comes from, and why.
import { APP, DELETED, STORY, STORY_APP } from '../support/company.mjs';
import { expect, test } from '../support/test.mjs';

const of = (app, name) => `/apps/${app}/users/${encodeURIComponent(`userName:${name}`)}`;

// The rename of the returner: before it the account had another name.
async function rename(server) {
  const { rows } = await server.get(`${of(STORY_APP, STORY)}/timeline`);
  const renamed = rows.find(
    (row) => row.operation === 'PATCH User' && row.changedPaths.includes('userName'),
  );
  const before = new Date(Date.parse(renamed.occurredAt) - 1_000).toISOString();
  return { renamed, before, id: renamed.resourceId };
}

test('the state follows the time over a known change', async ({ page, server, visit }) => {
  const { renamed, before, id } = await rename(server);
  const user = `/apps/${STORY_APP}/users/${id}`;
  await visit(`${user}?at=${before}`);
  await expect(page.locator('main')).toContainText('zoe.brandstatter@');
  const after = renamed.occurredAt;
  await visit(`${user}?at=${after}`);
  await expect(page.locator('main')).toContainText(STORY);

  // Each value names the operation that set it.
  await visit(`${user}/blame?at=${after}`);
  const row = page.locator('table[data-rows] tr', { has: page.getByText('userName', { exact: true }) });
  await row.locator(`a[href^="/operations/${renamed.seq}"]`).click();
  await expect(page).toHaveURL(new RegExp(`/operations/${renamed.seq}`));
});

test('a user that was deleted still opens', async ({ page, visit }) => {
  await visit(of(APP, DELETED));
  await expect(page.locator('main')).toContainText(/deleted/i);
});

test('an id that nobody has explains itself', async ({ page, visit }) => {
  await visit(`/apps/${APP}/users/4d2b2a7e-0000-4000-8000-000000000000`, 404);
  await expect(page.locator('main')).toContainText('What to do');
});

test('why is told in words', async ({ page, visit }) => {
  await visit(`${of('jostle', 'ottilie.ferreira@fjordlight.example')}/why`);
  await expect(page.locator('main')).toContainText(/unassigned|no longer assigned/);
});
