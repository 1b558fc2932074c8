// On paper: each sheet says what was asked, when, at which event, and how complete it is; nothing is cut.
import { questions } from '../support/addresses.mjs';
import { APP, STORY, STORY_APP, groupPath } from '../support/company.mjs';
import { sheets, tooWide } from '../support/paper.mjs';
import { expect, test } from '../support/test.mjs';

test('a long answer has its query, instants, event and coverage on each sheet', async ({ page, visit }, info) => {
  const address = '/operations?from=2026-06-01&to=2026-06-20T00%3A00%3A00Z&status=success';
  await visit(address);
  const seqs = await page.locator('td.event a').allInnerTexts();
  expect(seqs).toHaveLength(100);
  const event = /As of event ([\d,]*\d)/.exec(await page.locator('.foot').innerText())[1];
  const all = await sheets(page, info, 'log');
  expect(all.length).toBeGreaterThan(2);
  for (const [at, sheet] of all.entries()) {
    const [asked, told] = sheet.split('\n').filter((line) => line.trim());
    expect(asked.trim()).toBe(address);
    expect(told).toContain('From 2026-06-01 00:00:00 until 2026-06-20 00:00:00 UTC');
    expect(told).toContain(`event ${event} · made 2026-06-30 12:00:00 UTC · coverage partial: 2 gaps`);
    expect(sheet).toContain(`Page ${at + 1} of ${all.length}`);
    // The heads of the columns are on each sheet.
    expect(sheet).toMatch(/Time UTC +Application +Action +Status/);
  }
  const text = all.join('\n');
  // Every row is there with its last column, once.
  for (const seq of seqs) expect(text.match(new RegExp(`\\b${seq}$`, 'gm')), seq).toHaveLength(1);
  expect(text).toMatch(/1–100 of [\d,]+ rows/);
  for (const chrome of ['Sign out', 'as curl', 'Next page', 'Follow live', 'All filters', 'Show']) {
    expect(text).not.toMatch(new RegExp(`^.*\\b${chrome}\\b`, 'm'));
  }
});

test('an instant that nobody typed is on the sheet', async ({ page, visit }, info) => {
  await visit(groupPath);
  for (const sheet of await sheets(page, info, 'group')) {
    expect(sheet).toContain('As of 2026-06-30 12:00:00 UTC · event');
  }
});

test('what does not fit into the head of a sheet stands at the end', async ({ page, visit }, info) => {
  const names = Array.from({ length: 12 }, (_, number) => `displayName:Nobody ${number}`).join(',');
  const address = `/apps/${APP}/groups/displayName:Approvers/members?at=2026-06-10&tz=Europe%2FOslo`;
  const long = `/operations?app=${STORY_APP}&resource=${encodeURIComponent(`userName:${STORY}`)}&requestId=${encodeURIComponent(names)}`;
  await visit(long);
  const all = await sheets(page, info, 'long');
  expect(all.at(-1).replaceAll(/\s+/g, '')).toContain(`Asked:${long}`);
  await visit(address);
  const [short] = await sheets(page, info, 'short');
  expect(short).not.toContain('Asked:');
});

test.describe('every page', () => {
  test.use({ role: 'admin' });

  test('no page is wider than its sheet', async ({ page, server, visit }) => {
    test.setTimeout(60_000);
    for (const { address } of await questions(server)) {
      await visit(address);
      expect.soft(await tooWide(page), address).toEqual([]);
    }
  });
});

test('a dark page prints dark on white', async ({ page, visit }) => {
  await page.emulateMedia({ colorScheme: 'dark', media: 'screen' });
  await visit(groupPath);
  const ground = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  expect(await ground()).not.toBe('rgb(255, 255, 255)');
  await page.emulateMedia({ colorScheme: 'dark', media: 'print' });
  expect(await ground()).toBe('rgb(255, 255, 255)');
  const ink = await page.locator('h1').evaluate((one) => getComputedStyle(one).color);
  expect(ink).toBe('rgb(0, 0, 0)');
});

test('a chart can be read in grey: what differs in hue differs in pattern', async ({ page, visit }) => {
  await visit('/operations?from=2026-06-01');
  const kinds = await page.locator('.legend li').evaluateAll((all) =>
    all.map((one) => [one.textContent.trim().split(' ')[0], one.querySelector('rect[fill^="url("]')?.getAttribute('fill') ?? 'plain']),
  );
  expect(kinds.map(([word]) => word)).toEqual(expect.arrayContaining(['success', 'failure', 'not']));
  expect(new Set(kinds.map(([, pattern]) => pattern)).size).toBe(kinds.length);
  const failed = page.locator('svg.histogram a', { has: page.locator('title', { hasText: 'failure' }) }).first();
  await expect(failed.locator('rect[fill^="url("]')).not.toHaveCount(0);
});
