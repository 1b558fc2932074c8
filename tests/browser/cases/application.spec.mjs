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
    await visit(`/jobs/${APP}`);
    await expect(page.locator('main')).toContainText(/quarantine/i);
    await expect(page.locator('main')).toContainText('EncounteredEscrowProportionThreshold');
    await expect(page.locator('main')).toContainText(began.slice(0, 10));
  });
});
