// Every page there is, wide and on a phone, in both themes: nothing for axe to find, nothing wider than
// the window, no link that leads nowhere. The pictures are kept as artefacts.
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { pages } from '../support/addresses.mjs';
import { expect, fits, test } from '../support/test.mjs';

test.use({ role: 'admin' });

// Of a page, compressed.
const PAGE_BYTES_MAX = 120_000;
const SIZES = { wide: { width: 1440, height: 900 }, phone: { width: 390, height: 844 } };

for (const [size, viewport] of Object.entries(SIZES)) {
  test(`every page, ${size}`, async ({ server, page, visit, accessible }) => {
    test.setTimeout(300_000);
    await page.setViewportSize(viewport);
    const folder = path.join(process.env.PROVLOG_BROWSER_OUT, 'pages');
    const all = await pages(server);
    expect(all.length).toBeGreaterThan(30);
    for (const { name, address } of all) {
      const response = await visit(address);
      expect.soft(gzipSync(await response.body()).length, address).toBeLessThan(PAGE_BYTES_MAX);
      for (const colorScheme of ['light', 'dark']) {
        await page.emulateMedia({ colorScheme });
        const file = path.join(folder, `${name}-${size}-${colorScheme}.png`);
        await page.screenshot({ path: file, fullPage: true });
      }
      expect.soft(await page.title(), address).toMatch(/\S.* · provlog$/);
      await fits(page);
      await accessible();
    }
  });
}

// An address without what differs between two of the same kind.
const kind = (url) => url.pathname.replaceAll(/[0-9a-f-]{36}|\d+|\w+:[^/]*/g, '*') + [...url.searchParams.keys()];

test('no link leads nowhere', async ({ server, page, visit }) => {
  test.setTimeout(120_000);
  const seen = new Set();
  const broken = [];
  for (const { address } of await pages(server)) {
    await visit(address);
    const links = await page.locator('a[href]').evaluateAll((all) => all.map((link) => new URL(link.getAttribute('href'), document.baseURI).href));
    for (const link of links) {
      const url = new URL(link);
      if (url.origin !== server.url || seen.has(kind(url))) continue;
      seen.add(kind(url));
      const answer = await page.request.get(link);
      if (!answer.ok()) broken.push(`${answer.status()} ${link} on ${address}`);
    }
  }
  expect(broken).toEqual([]);
});
