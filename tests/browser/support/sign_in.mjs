// Signs in by the form, and gives the browser's state.
export async function signIn(browser, server, token) {
  const context = await browser.newContext({ baseURL: server.url, storageState: undefined });
  const page = await context.newPage();
  await page.goto('/login');
  await page.locator('input[name=token]').fill(token);
  await page.locator('form:has(input[name=token])').getByRole('button').click();
  await page.waitForURL((url) => !url.pathname.startsWith('/login'));
  const state = await context.storageState();
  await context.close();
  return state;
}
