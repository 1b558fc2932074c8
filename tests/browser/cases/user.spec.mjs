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

const value = (page, path) =>
  page.locator('table[data-rows] tr', { has: page.getByText(path, { exact: true }) });

test('each value on the page of a user names what set it', async ({ page, server, visit }) => {
  const { renamed, before, id } = await rename(server);
  const user = `/apps/${STORY_APP}/users/${id}`;
  await visit(`${user}?at=${before}`);
  await expect(value(page, 'userName')).toContainText('zoe.brandstatter@');
  await expect(value(page, 'userName').locator(`a[href="/operations/${renamed.seq}"]`)).toHaveCount(0);
  // The way to the next change.
  await page.locator('nav.moves a[rel=next]').click();
  await expect(page).toHaveURL(/[?&]at=/);
  await expect(value(page, 'userName')).toContainText(STORY);
  await value(page, 'userName').locator(`a[href="/operations/${renamed.seq}"]`).click();
  await expect(page).toHaveURL(new RegExp(`/operations/${renamed.seq}`));
});

test('the slider moves the page through time, and Back works @script', async ({ page, server, visit }) => {
  const { renamed, before, id } = await rename(server);
  await visit(`/apps/${STORY_APP}/users/${id}?at=${before}`);
  await page.evaluate(() => { window.isSame = true; });
  await page.locator('input[data-scrubber]').focus();
  await page.keyboard.press('ArrowRight');
  await expect(value(page, 'userName')).toContainText(STORY);
  const at = new URL(page.url()).searchParams.get('at');
  expect(Date.parse(at)).toBe(Math.ceil(Date.parse(renamed.recordedAt) / 1_000) * 1_000);
  await expect(value(page, 'userName').locator(`a[href="/operations/${renamed.seq}"]`)).toHaveCount(1);
  // The links around follow, and the focus stays where the hand is.
  await expect(page.locator('nav.tabs a', { hasText: 'Why' })).toHaveAttribute('href', new RegExp(encodeURIComponent(at)));
  await expect(page.locator('input[data-scrubber]')).toBeFocused();
  await page.goBack();
  await expect(value(page, 'userName')).toContainText('zoe.brandstatter@');
  expect(page.url()).toContain(before.slice(0, 13));
  expect(await page.evaluate(() => window.isSame)).toBe(true);
});

test('two instants stand side by side', async ({ page, server, visit }) => {
  const { renamed, before, id } = await rename(server);
  await visit(`/apps/${STORY_APP}/users/${id}?at=${before}`);
  await page.getByLabel('Compare with').fill(renamed.recordedAt);
  await page.getByRole('button', { name: 'Ask' }).click();
  const row = page.locator('table.diff tr', { has: page.getByText('userName', { exact: true }) });
  await expect(row.locator('del')).toContainText('zoe.brandstatter@');
  await expect(row.locator('ins')).toContainText(STORY);
});

test('a user that was deleted shows its last values', async ({ page, visit }) => {
  await visit(of(APP, DELETED));
  await expect(value(page, 'userName')).toContainText(DELETED);
  await expect(page.locator('.facts')).toContainText('deleted');
});

test('why is a tree whose steps lead to their events', async ({ page, visit }) => {
  await visit(`${of(STORY_APP, STORY)}/why`);
  const step = page.locator('.node .box', { hasText: 'known to the source' });
  await expect(step.locator('a[href^="/operations/"]').first()).toBeVisible();
  await expect(page.locator('main')).toContainText('not observable from here');
});
