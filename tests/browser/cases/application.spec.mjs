// S5, an application: whether its provisioning runs, is late, or in quarantine.
import { APP, provision } from '../support/company.mjs';
import { clockTest, expect } from '../support/test.mjs';

const PROBE = '/Users?filter=userName eq "a probe"';

clockTest.describe('provisioning', () => {
  clockTest('is late when the clock has passed the limit', async ({ page, server, visit, signInAgain }) => {
    await provision(server, APP, 'GET', PROBE);
    await signInAgain();
    await visit(`/jobs/${APP}`);
    await expect(page.locator('main')).toContainText(/active/);
    await expect(page.locator('main')).not.toContainText(/late/);
    // A cycle is due every 40 minutes.
    await server.clock('+81m');
    await signInAgain();
    await visit(`/jobs/${APP}`);
    await expect(page.locator('main')).toContainText(/late/);
  });

  clockTest('says how old the last request is, in words and as a bar', async ({ page, server, visit, signInAgain, accessible }) => {
    await provision(server, APP, 'GET', PROBE);
    const bar = page.locator('svg.meter');
    const width = () => bar.locator('rect:not(.track)').first().evaluate((rect) => rect.getBBox().width / rect.ownerSVGElement.clientWidth);
    const tells = async (words, part) => {
      await signInAgain();
      await visit(`/apps/${APP}`);
      await expect(page.locator('p.age')).toHaveText(words);
      await expect(bar).toHaveAttribute('aria-label', words);
      // The line in the middle is where the next request is due.
      expect(await width()).toBeCloseTo(part, 2);
    };
    await server.clock('+20m');
    await tells('The last request arrived 20m ago, within the 40m expected.', 0.25);
    await expect(bar.locator('.f-good')).toHaveCount(1);
    await server.clock('+61m');
    await tells('The last request arrived 1h 21m ago; one is expected every 40m.', 1);
    await expect(bar.locator('.f-warn')).toHaveCount(1);
    await expect(page.locator('.facts')).toContainText([/late/]);
    await accessible();
  });

  clockTest('tells why and since when it is in quarantine', async ({ page, server, visit, signInAgain }) => {
    const began = (await server.clock('+1s')).replace(/\.\d+Z$/, 'Z');
    const entry = {
      id: 'Sync_1',
      activityDateTime: began,
      category: 'ProvisioningManagement',
      activityDisplayName: 'Quarantine',
      result: 'success',
      resultReason: '',
      initiatedBy: { app: null, user: { id: 'admin-1', displayName: 'Ada Moe' } },
      targetResources: [{ id: 'sp-1', displayName: APP, type: 'ServicePrincipal', modifiedProperties: [] }],
      additionalDetails: [{ key: 'ErrorCode', value: 'EncounteredEscrowProportionThreshold' }],
    };
    await server.api('POST', `/api/v1/apps/${APP}/imports?servicePrincipal=sp-1`, {
      body: JSON.stringify(entry),
      headers: { 'content-type': 'application/x-ndjson' },
    });
    await signInAgain();
    for (const address of [`/jobs/${APP}`, `/apps/${APP}`]) {
      await visit(address);
      await expect(page.locator('main')).toContainText(/quarantine/i);
      await expect(page.locator('main')).toContainText('EncounteredEscrowProportionThreshold');
      await expect(page.locator('main')).toContainText(began.slice(0, 10));
    }
  });
});
