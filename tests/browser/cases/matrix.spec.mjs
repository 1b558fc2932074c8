// The access matrix: people and groups at an instant, and what differs from an earlier one.
import { APP } from '../support/company.mjs';
import { expect, test } from '../support/test.mjs';

const GROUPS = 'displayName:Approvers';
const address = `/apps/${APP}/matrix?at=2026-06-20&groups=${encodeURIComponent(GROUPS)}`;

test('the cells are those of the API', async ({ page, server, visit }) => {
  const { rows, groups } = await server.get(address);
  await visit(address);
  await expect(page.locator('table.matrix th.group')).toHaveCount(groups.length);
  await expect(page.locator('table.matrix tbody tr')).toHaveCount(rows.length);
  await expect(page.locator('table.matrix td.cell.yes')).toHaveCount(rows.length);
  const [first] = rows;
  const cell = page.locator('table.matrix td.cell.yes a').first();
  await expect(cell).toHaveAttribute('href', `/operations/${first.cells[0].addedBySeq}`);
  await expect(cell).toHaveAttribute('title', new RegExp(first.cells[0].memberSince.slice(0, 10)));
  await page.getByLabel('In the cells').selectOption('dates');
  await page.getByRole('button', { name: 'Ask' }).click();
  await expect(page.locator('table.matrix td.cell').first()).toContainText(first.cells[0].memberSince.slice(0, 10));
});

test('what differs from an earlier instant has a sign', async ({ page, server, visit }) => {
  const compared = `${address}&compare=2026-06-02`;
  const { rows } = await server.get(compared);
  const count = (what) => rows.flatMap((row) => row.cells).filter((cell) => cell?.compared === what).length;
  expect(count('added') + count('removed')).toBeGreaterThan(0);
  await visit(compared);
  await expect(page.locator('td.cell.added', { hasText: '+' })).toHaveCount(count('added'));
  await expect(page.locator('td.cell.removed', { hasText: '−' })).toHaveCount(count('removed'));
});
