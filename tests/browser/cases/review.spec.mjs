// A review: the members of a group are signed off on their own page.
import { APP, DELETED, GROUP, groupPath } from '../support/company.mjs';
import { expect, test } from '../support/test.mjs';

test('an auditor signs off the members of a group, and one is to leave', async ({ page, server, visit }) => {
  const address = `${groupPath}/members?at=2026-06-10`;
  await visit(address);
  await page.getByText('Sign off this answer').click();
  await page.getByLabel('Decision').selectOption('approvedWithRevocations');
  await page.getByLabel('Remark').fill('<b>looked at</b>');
  await page.getByLabel(DELETED).check();
  await page.getByRole('button', { name: 'Sign off' }).click();
  await expect(page).toHaveURL(/\/reviews\/\d+$/);
  await expect(page.locator('main')).toContainText('<b>looked at</b>');
  await expect(page.locator('main')).toContainText(DELETED);

  // It stays with the answer.
  const [review] = (await server.get('/reviews')).rows;
  expect(review.revocations).toBe(1);
  await visit(address);
  await expect(page.locator('section.review')).toContainText('Reviews of this answer');
  await expect(page.locator(`section.review a[href="/reviews/${review.seq}"]`)).toHaveCount(1);
});

test('an auditor signs off an access matrix, and one membership is to end', async ({ page, server, visit }) => {
  const address = `/apps/${APP}/matrix?at=2026-06-12`;
  const { rows } = await server.get(address);
  await visit(address);
  await page.getByText('Sign off this answer').click();
  const form = page.locator('details.sign-off form');
  // A tick for each membership that somebody has by themselves.
  const held = rows.flatMap((row) => row.cells).filter((cell) => cell?.memberSince && cell.direct !== false);
  await expect(form.getByRole('checkbox')).toHaveCount(held.length);
  await form.getByLabel('Decision').selectOption('approvedWithRevocations');
  await form.getByLabel('Remark').fill('Agreed with the owners');
  const somebody = form.getByRole('listitem').filter({ hasText: DELETED });
  await somebody.getByLabel(GROUP).check();
  await form.getByRole('button', { name: 'Sign off' }).click();
  await expect(page).toHaveURL(/\/reviews\/\d+$/);
  await expect(page.locator('main')).toContainText('Agreed with the owners');
  await expect(page.locator('main')).toContainText(DELETED);
  const review = await server.get(`/reviews/${page.url().split('/').at(-1)}`);
  expect(JSON.stringify(review)).toContain('2026-06-12');
  await visit(address);
  await expect(page.locator('section.review')).toContainText('Reviews of this answer');
});
