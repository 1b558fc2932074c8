// Coming in and going out: tokens, one-time links, the ends of a session, forms of other sites.
import { groupPath } from '../support/company.mjs';
import { clockTest, expect, signIn, test } from '../support/test.mjs';

const COOKIE = 'provlog_session';
const wantsToken = (page) => expect(page.locator('input[name=token]')).toBeVisible();
const isIn = (page) => expect(page.getByRole('button', { name: 'Sign out' })).toBeVisible();

test.describe('nobody is signed in', () => {
  test.use({ role: null });

  test('a page asks to sign in, and is shown after it', async ({ page, server }) => {
    const address = `${groupPath}/members?at=2026-06-15`;
    await page.goto(address);
    await expect(page).toHaveURL(/\/login\?next=/);
    await wantsToken(page);
    await page.getByLabel('Token').fill(await server.tokenOf('auditor'));
    await page.getByRole('button', { name: 'Sign in' }).click();
    await expect(page).toHaveURL(server.url + address);
    await expect(page.locator('h1')).toContainText('Approvers');
  });

  test('no link leads to another site after the sign-in', async ({ page, server }) => {
    for (const next of ['//elsewhere.example/', 'https://elsewhere.example/', '/\\elsewhere.example']) {
      await page.goto(`/login?next=${encodeURIComponent(next)}`);
      await page.getByLabel('Token').fill(await server.tokenOf('auditor'));
      await page.getByRole('button', { name: 'Sign in' }).click();
      await expect(page).toHaveURL(`${server.url}/`);
    }
  });

  test('a token that is not known, or may not ask, does not come in', async ({ page, server }) => {
    const scim = await server.tokenOf('scim', 'jostle');
    for (const [token, status] of [['0'.repeat(64), 401], [scim, 403]]) {
      await page.goto('/login');
      await page.getByLabel('Token').fill(token);
      const answered = page.waitForResponse((one) => one.request().method() === 'POST');
      await page.getByRole('button', { name: 'Sign in' }).click();
      expect((await answered).status()).toBe(status);
      expect(await page.context().cookies()).toEqual([]);
      expect(await page.content()).not.toContain(token);
      await page.goto('/apps');
      await wantsToken(page);
    }
  });

  test('a session is a cookie that no script reads and no other site sends', async ({ page, server }) => {
    await page.goto('/login');
    await page.getByLabel('Token').fill(await server.tokenOf('admin'));
    await page.getByRole('button', { name: 'Sign in' }).click();
    await expect(page).toHaveURL(`${server.url}/`);
    const [cookie, ...others] = await page.context().cookies();
    expect(others).toEqual([]);
    expect(cookie).toMatchObject({ name: COOKIE, httpOnly: true, sameSite: 'Lax', path: '/' });
    expect(cookie.value).not.toContain(await server.tokenOf('admin'));

    // The cookie counts for reading pages and answers, and for nothing else.
    const send = (method, address) => page.request.fetch(address, { method, data: '{}' });
    expect((await send('GET', '/api/v1/apps')).status()).toBe(200);
    expect((await send('POST', '/api/v1/apps')).status()).toBe(401);
    expect((await send('GET', '/v1.0/auditLogs/provisioning')).status()).toBe(401);
    expect((await send('GET', '/apps/jostle/scim/v2/Users')).status()).toBe(401);
  });

  test('who signs out is out, with that cookie too', async ({ page, server, browser }) => {
    const before = await signIn(browser, server, await server.tokenOf('auditor'));
    await page.context().addCookies(before.cookies);
    await page.goto('/apps');
    await page.getByRole('button', { name: 'Sign out' }).click();
    await wantsToken(page);
    expect(await page.context().cookies()).toEqual([]);
    await page.context().addCookies(before.cookies);
    await page.goto('/apps');
    await wantsToken(page);
  });

  test('a one-time link is used up by its button, not by opening it', async ({ page, server }) => {
    const { url } = await server.api('POST', '/api/v1/login-links', { body: {} });
    expect(new URL(url).origin).toBe(server.url);
    // As mail scanners and previews do.
    for (let opened = 0; opened < 3; opened += 1) await page.goto(url);
    expect(await page.context().cookies()).toEqual([]);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await expect(page).toHaveURL(`${server.url}/`);
    await page.goto('/apps');
    await isIn(page);

    await page.context().clearCookies();
    await page.goto(url);
    const answered = page.waitForResponse((one) => one.request().method() === 'POST');
    await page.getByRole('button', { name: 'Sign in' }).click();
    expect((await answered).status()).toBe(404);
    await expect(page.locator('main')).toContainText('used already');
    expect(await page.context().cookies()).toEqual([]);
  });

  test('a form of another site is refused', async ({ page, server, browser }) => {
    const token = await server.tokenOf('auditor');
    const { url } = await server.api('POST', '/api/v1/login-links', { body: {} });
    for (const headers of [
      { origin: 'https://elsewhere.example' },
      { origin: server.url, 'sec-fetch-site': 'cross-site' },
      { origin: 'null' },
      {},
    ]) {
      const form = { headers, form: { token }, maxRedirects: 0 };
      for (const address of ['/login', url]) {
        const answer = await page.request.post(address, form);
        expect(answer.status(), `${address} ${JSON.stringify(headers)}`).toBe(403);
        expect(answer.headers()['set-cookie']).toBeUndefined();
      }
    }
    // None of them used the link up.
    await page.goto(url);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await expect(page).toHaveURL(`${server.url}/`);
    await page.goto('/apps');
    await isIn(page);

    const { cookies } = await signIn(browser, server, token);
    await page.context().clearCookies();
    await page.context().addCookies(cookies);
    await page.goto('/apps');
    const csrf = await page.locator('form[action="/logout"] input[name=csrf]').inputValue();
    const foreign = { headers: { origin: 'https://elsewhere.example' }, form: { csrf } };
    const guessed = { headers: { origin: server.url }, form: { csrf: '0'.repeat(64) } };
    for (const form of [foreign, guessed]) {
      expect((await page.request.post('/logout', { ...form, maxRedirects: 0 })).status()).toBe(403);
    }
    await page.reload();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await wantsToken(page);
  });
});

test('a token that is revoked ends its sessions', async ({ server, browser }) => {
  const { id, token } = await server.issue('auditor');
  const storageState = await signIn(browser, server, token);
  const context = await browser.newContext({ baseURL: server.url, storageState });
  const page = await context.newPage();
  await page.goto('/apps');
  await isIn(page);
  await server.api('DELETE', `/api/v1/tokens/${id}`);
  await page.reload();
  await wantsToken(page);
  await context.close();
});

clockTest.describe('the clock moves', () => {
  clockTest.use({ role: null });

  async function enter(page, server) {
    await page.goto('/login?next=/apps');
    await page.getByLabel('Token').fill(await server.tokenOf('auditor'));
    await page.getByRole('button', { name: 'Sign in' }).click();
    await isIn(page);
  }

  clockTest('a session ends after an hour without use', async ({ page, server }) => {
    await enter(page, server);
    for (let used = 0; used < 3; used += 1) {
      await server.clock('+59m');
      await page.goto('/apps');
      await expect(page).toHaveURL(`${server.url}/apps`);
    }
    await server.clock('+60m');
    await page.goto('/apps');
    await wantsToken(page);
  });

  clockTest('a session ends after twelve hours of use', async ({ page, server }) => {
    await enter(page, server);
    for (let hours = 0; hours < 12; hours += 1) {
      await server.clock('+59m');
      await page.goto('/apps');
      await expect(page).toHaveURL(`${server.url}/apps`);
    }
    await server.clock('+12m');
    await page.goto('/apps');
    await wantsToken(page);
  });

  clockTest('a one-time link is not for later', async ({ page, server }) => {
    const { url } = await server.api('POST', '/api/v1/login-links', { body: {} });
    await server.clock('+1h');
    await page.goto(url);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await expect(page.locator('main')).toContainText('too old');
    expect(await page.context().cookies()).toEqual([]);
  });
});
