// A review: the members of a group are signed off on their own page.
import { DELETED, groupPath } from '../support/company.mjs';
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
