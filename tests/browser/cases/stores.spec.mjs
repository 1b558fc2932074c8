// The stores of the other cases hold something for every question: a page without rows proves nothing.
import { questions } from '../support/addresses.mjs';
import { expect, hostileTest, test } from '../support/test.mjs';

async function empty(server) {
  const found = [];
  for (const { question, api } of await questions(server)) {
    if ((await server.get(api)).rowCount === 0) found.push(question);
  }
  return found;
}

test.describe('the company', () => {
  test.use({ role: null });

  // A drift needs an application behind the proxy.
  test('answers every question with rows', async ({ server }) => {
    expect(await empty(server)).toEqual(['/reports/drift']);
  });

  test('plays to the same end in each run', async ({ server }) => {
    const { head, generatedAt } = await server.get('/coverage');
    expect(generatedAt).toBe('2026-06-30T12:00:00.000000Z');
    expect(head.seq).toBeGreaterThan(3_000);
  });
});

hostileTest.describe('the hostile store', () => {
  hostileTest.use({ role: null });

  hostileTest('answers every question of people and groups with rows', async ({ server }) => {
    expect(await empty(server)).toEqual(['/reports/drift', '/reports/orphans']);
  });
});
