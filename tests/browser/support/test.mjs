// `test` for every case: a server, a page that is signed in, and what holds for all pages.
import AxeBuilder from '@axe-core/playwright';
import { test as base, expect } from '@playwright/test';
import { dress } from './company.mjs';
import { startHostile } from './hostile.mjs';
import { startDemo, startFresh } from './server.mjs';
import { signIn } from './sign_in.mjs';

export { expect, signIn };

// What the headers of every page say.
const HEADERS = {
  'content-security-policy': /default-src 'self'(?!.*unsafe-)/,
  'x-content-type-options': /^nosniff$/,
  'referrer-policy': /^no-referrer$/,
  'cache-control': /no-store/,
};

// Notes what no page may do: ask another host, report an error, break the content policy.
function watch(context, origin) {
  const faults = [];
  const refused = new Set();
  context.on('request', (request) => {
    const url = new URL(request.url());
    if (url.origin !== origin) faults.push(`a request to ${request.url()}`);
  });
  context.on('response', (response) => {
    if (response.request().resourceType() !== 'document') return;
    if (response.status() >= 400) refused.add(response.url());
    const headers = response.headers();
    if (!/^text\/html/.test(headers['content-type'] ?? '')) return;
    for (const [name, pattern] of Object.entries(HEADERS)) {
      if (!pattern.test(headers[name] ?? '')) {
        faults.push(`${name}: ${headers[name]} of ${response.url()}`);
      }
    }
  });
  const errors = [];
  context.on('console', (message) => {
    // Of the content policy, too.
    if (message.type() === 'error') errors.push([message.text(), message.location().url]);
  });
  context.on('weberror', (error) => faults.push(`error of a page: ${error.error()}`));
  return () => {
    // A page that is refused is no error of the pages; the case sees its status.
    const own = ([text, url]) => !(text.startsWith('Failed to load resource') && refused.has(url));
    return [...faults, ...errors.filter(own).map(([text, url]) => `console: ${text} (${url})`)];
  };
}

// The same for a context that a case makes itself; the function that is returned tells the faults.
export async function watched(browser, server, options = {}) {
  const context = await browser.newContext({ baseURL: server.url, storageState: undefined, ...options });
  return [context, watch(context, server.url)];
}

export const test = base.extend({
  // Who looks: a role, or null for nobody.
  role: ['auditor', { option: true }],

  server: [
    async ({}, use) => {
      const server = await startDemo();
      await dress(server);
      await use(server);
      await server.stop();
    },
    { scope: 'worker', timeout: 60_000 },
  ],

  baseURL: async ({ server }, use) => use(server.url),

  storageState: async ({ browser, server, role }, use) => {
    if (role === null) return use(undefined);
    if (!server.sessions.has(role)) {
      server.sessions.set(role, await signIn(browser, server, await server.tokenOf(role)));
    }
    return use(server.sessions.get(role));
  },

  // Patterns of faults that a case brings about itself.
  expected: async ({}, use) => use([]),

  context: async ({ context, server, expected }, use) => {
    const faults = watch(context, server.url);
    await use(context);
    const unexpected = faults().filter((fault) => !expected.some((pattern) => pattern.test(fault)));
    expect(unexpected, 'what no page may do').toEqual([]);
  },

  // Opens a page and expects its status.
  visit: async ({ page }, use) => {
    await use(async (address, status = 200) => {
      const response = await page.goto(address);
      expect(response.status(), address).toBe(status);
      // A session that has ended leads to the form, which is a page, too.
      if (!address.startsWith('/login')) expect(page.url(), address).not.toContain('/login');
      return response;
    });
  },

  // Signs in again: a session does not outlast an hour on a clock that is moved.
  signInAgain: async ({ page, browser, server, role }, use) => {
    await use(async () => {
      const { cookies } = await signIn(browser, server, await server.tokenOf(role));
      await page.context().clearCookies();
      await page.context().addCookies(cookies);
    });
  },

  // Runs axe in both themes; without JavaScript it cannot run.
  accessible: async ({ page, javaScriptEnabled }, use, info) => {
    await use(async (...without) => {
      if (javaScriptEnabled === false) return;
      for (const colorScheme of ['light', 'dark']) {
        await page.emulateMedia({ colorScheme });
        const { violations } = await new AxeBuilder({ page }).exclude(without).analyze();
        const found = violations.map(
          ({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map((node) => node.html).join(' | ')}`,
        );
        expect.soft(found, `axe on ${page.url()}, ${colorScheme}`).toEqual([]);
      }
      await page.emulateMedia({ colorScheme: info.project.use.colorScheme });
    });
  },
});

// The same on another server, which a worker of its own starts.
export const on = (start) =>
  test.extend({
    server: [
      async ({}, use) => {
        const server = await start();
        await use(server);
        await server.stop();
      },
      { scope: 'worker', timeout: 60_000 },
    ],
  });

// Every text is hostile.
export const hostileTest = on(startHostile);
// A demo whose clock a case may move.
export const clockTest = on(() => startDemo({ days: 14 }));
// A log with nothing in it.
export const freshTest = on(startFresh);

// No page is wider than the window; what is wide scrolls within itself.
export async function fits(page) {
  const [wide, window] = await page.evaluate(() => [
    document.documentElement.scrollWidth,
    document.documentElement.clientWidth,
  ]);
  expect.soft(wide, `width of ${page.url()}`).toBeLessThanOrEqual(window);
}
