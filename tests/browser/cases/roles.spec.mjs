// Who may see what: an app-auditor sees one application on every page, and nobody else's name.
import { questions } from '../support/addresses.mjs';
import { APP, STORY, STORY_APP, samplesOf } from '../support/company.mjs';
import { expect, test } from '../support/test.mjs';

// The provider's names of applications are profiles too, which everybody may read.
const ABOUT_NO_APPLICATION = ['/profiles'];

// The status of the same question of the API, asked by an app-auditor.
async function answeredTo(server, api) {
  const token = await server.tokenOf('app-auditor');
  const headers = { authorization: `Bearer ${token}` };
  return (await fetch(`${server.url}/api/v1${api}`, { headers })).status;
}

test.describe('an app-auditor', () => {
  test.use({ role: 'app-auditor' });

  test('sees one application on every page', async ({ server, page, visit }) => {
    test.setTimeout(60_000);
    const others = (await server.get('/apps')).rows.map((row) => row.application);
    others.splice(others.indexOf(STORY_APP), 1);
    const group = (await server.get(`/apps/${STORY_APP}/groups?limit=1`)).rows[0].groupId;
    const samples = await samplesOf(server, STORY_APP, `userName:${STORY}`, group);
    for (const { question, address, api } of await questions({ url: server.url, samples })) {
      await visit(address, await answeredTo(server, api));
      if (ABOUT_NO_APPLICATION.includes(question)) continue;
      const html = (await page.content()).toLowerCase();
      const named = others.filter((other) => html.includes(other));
      expect(named, `applications named by ${address}`).toEqual([]);
    }
  });

  test('is refused what is about another', async ({ server, page, visit }) => {
    const about = (await questions(server)).filter(({ address }) => address.includes(APP));
    expect(about.length).toBeGreaterThan(10);
    for (const { address, api } of about) {
      const status = await answeredTo(server, api);
      expect(status).toBeGreaterThanOrEqual(403);
      const response = await visit(address, status);
      expect(response.headers()['content-type']).toMatch(/^text\/html/);
      const text = await page.locator('main').innerText();
      expect(text, address).not.toContain('fjordlight.example');
    }
  });
});

test.describe('an auditor', () => {
  test('reads, and is offered nothing that changes', async ({ server, page, visit }) => {
    for (const address of ['/apps', `/apps/${APP}`, '/reference-lists']) {
      await visit(address);
      const forms = page.locator('form[method=post]:not([action="/logout"])');
      await expect(forms, address).toHaveCount(0);
    }
    expect((await page.goto('/tokens')).status()).toBe(403);
  });
});
