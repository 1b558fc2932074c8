// A newcomer's path: the link that the demo prints, and its five questions, each in under ten steps. A
// step is a click, a choice or a field that is filled. The pictures are kept as artefacts.
import path from 'node:path';
import { APP, DELETED, LEAVER, STORY, STORY_APP } from '../support/company.mjs';
import { expect, test } from '../support/test.mjs';

test.use({ role: null });

const STEPS_MAX = 10;

test('the five questions of the demo', async ({ page, server }) => {
  test.setTimeout(120_000);
  const printed = server.printed.join('\n');
  const date = (pattern) => pattern.exec(printed)[1];
  const link = /^ {2}(http\S+\/login\/\S+)$/m.exec(printed)[1];
  const main = page.locator('main');

  let question = 0;
  let steps = 0;
  const step = async (action) => {
    await action;
    steps += 1;
    const name = `${question}-${steps}.png`;
    await page.screenshot({ path: path.join(process.env.PROVLOG_BROWSER_OUT, 'newcomer', name) });
  };
  const answered = async () => {
    expect(steps, `steps of question ${question}`).toBeLessThan(STEPS_MAX);
    question += 1;
    steps = 0;
    await page.getByRole('link', { name: 'Start', exact: true }).click();
  };
  // A form of the start page, filled by its labels.
  const ask = async (words, fields, submit) => {
    const form = page.getByRole('form', { name: words });
    for (const [label, value] of Object.entries(fields)) {
      const field = form.getByLabel(new RegExp(`^${label}`));
      const isChoice = (await field.evaluate((one) => one.localName)) === 'select';
      await step(isChoice ? field.selectOption(value) : field.fill(value));
    }
    await step(form.getByRole('button', { name: submit }).click());
  };

  await page.goto(link);
  await step(page.getByRole('button', { name: 'Sign in' }).click());
  await expect(page.getByRole('button', { name: 'Sign out' })).toBeVisible();
  await answered();

  const on = date(/Who was in Approvers of hootsuite on (\S+)\?/);
  const members = { Application: APP, Group: 'Approvers', On: on };
  await ask('Who was in a group?', members, 'Show the members');
  await expect(main).toContainText(DELETED);
  await answered();

  await ask('What happened to somebody?', { Application: STORY_APP, User: STORY }, 'Show the timeline');
  for (const words of ['create', 'disable', 'delete', 'failure', 'joined Lisboa']) {
    await expect(main).toContainText(words);
  }
  await answered();

  const after = date(/users --app hootsuite --active true --at (\S+)/);
  await ask('Who had an account?', { Application: APP, On: after }, 'Show the accounts');
  await expect(main).toContainText(LEAVER);
  await expect(main).toContainText('recorder killed');
  await answered();

  const off = { Application: 'jostle', User: 'ottilie.ferreira@fjordlight.example' };
  await ask('Why an account, or why none?', off, 'Show why');
  await expect(main).toContainText('no longer assigned');
  await answered();

  const never = { Application: APP, User: 'tindra.kowalczyk@fjordlight.example', On: '2020-04-30' };
  await ask('Why an account, or why none?', never, 'Show why');
  await expect(main).toContainText('Default Access');
  await answered();
});

test('what happened to somebody, and why, by links alone', async ({ page, server }) => {
  const { url } = await server.api('POST', '/api/v1/login-links', { body: {} });
  await page.goto(url);
  await page.getByRole('button', { name: 'Sign in' }).click();
  const follow = async (...names) => {
    for (const name of names) await page.getByRole('link', { name, exact: true }).first().click();
  };
  await follow('Applications', 'jostle', 'Users');
  await page.getByLabel('Account').first().selectOption('false');
  await page.getByRole('button', { name: 'Ask' }).click();
  await follow('ottilie.ferreira@fjordlight.example', 'Why');
  await expect(page.locator('main')).toContainText('no longer assigned');
  await follow('Timeline');
  await expect(page.locator('main')).toContainText('disable');
});
