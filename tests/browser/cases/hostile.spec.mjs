// Texts of an identity provider are text on every page, whatever is in them.
import { questions } from '../support/addresses.mjs';
import { drawn, sheets, tooWide } from '../support/paper.mjs';
import { expect, fits, hostileTest as test } from '../support/test.mjs';

test.use({ role: 'admin' });

// Questions whose answer names people, groups, tokens or what somebody wrote.
const SHOWN = [
  '/apps/{app}/groups',
  '/apps/{app}/groups/{group}',
  '/apps/{app}/groups/{group}/members',
  '/apps/{app}/groups/{group}/timeline',
  '/apps/{app}/users',
  '/apps/{app}/users/{user}',
  '/apps/{app}/users/{user}/blame',
  '/apps/{app}/users/{user}/timeline',
  '/configuration-log',
  '/operations',
  '/operations/{operation}',
  '/operations/{operation}/evidence',
  '/reports/failing',
  '/reports/joiners',
  '/tokens',
];

// Those of them that are printed, one of each kind: a list, a grid of values, a story.
const PRINTED = [
  '/apps/{app}/groups/{group}/members',
  '/apps/{app}/users',
  '/apps/{app}/users/{user}',
  '/operations',
  '/operations/{operation}',
];

// What the document holds that no page of ours does.
function foreign() {
  const found = [];
  if (window.hostile !== undefined) found.push('a script ran');
  for (const element of document.querySelectorAll('*')) {
    const name = element.localName;
    for (const attribute of element.attributes) {
      if (/^on/i.test(attribute.name)) found.push(`${name} has ${attribute.name}`);
      if (/^\s*(javascript|data|vbscript):/i.test(attribute.value) && /^(href|src|action|xlink:href)$/.test(attribute.name)) {
        found.push(`${name} leads to ${attribute.value.slice(0, 40)}`);
      }
    }
    if (name === 'script' && !/^\/assets\//.test(element.getAttribute('src') ?? '')) {
      found.push('an inline script');
    }
    if (['img', 'iframe', 'object', 'embed', 'base', 'style'].includes(name)) found.push(name);
  }
  return found;
}

// Texts with a mark that turns the direction, outside of what keeps it to itself.
function turning() {
  const marks = /[\u200E\u200F\u202A-\u202E\u2066-\u2069\u061C\u0590-\u06FF]/;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [];
  while (walker.nextNode()) {
    const text = walker.currentNode;
    const parent = text.parentElement;
    if (!marks.test(text.data) || parent.closest('script, option')) continue;
    let keeper = parent;
    while (keeper && !/isolate|plaintext/.test(getComputedStyle(keeper).unicodeBidi)) {
      keeper = keeper.parentElement;
    }
    // A block of its own keeps it too, if nothing else is in it.
    const alone = parent.childNodes.length === 1 && /block|cell|list-item/.test(getComputedStyle(parent).display);
    // Of a text alone in a picture, nothing follows.
    if (!keeper && !alone && !parent.closest('svg')) found.push(parent.outerHTML.slice(0, 120));
  }
  return found;
}

async function isText(page, address) {
  expect(await page.evaluate(foreign), address).toEqual([]);
  expect(await page.evaluate(turning), address).toEqual([]);
  await fits(page);
}

test('hostile texts are text on the page of every question', async ({ server, page, visit }) => {
  test.setTimeout(60_000);
  const shown = [];
  for (const { question, address } of await questions(server)) {
    await visit(address);
    await isText(page, address);
    const text = await page.locator('main').evaluate((main) => main.textContent);
    if (text.includes('<script>window.hostile=1</script>')) shown.push(question);
  }
  // What is asked above is asked of something.
  expect(shown).toEqual(expect.arrayContaining(SHOWN));
});

test('each kind of text is shown for a person and a group', async ({ server, page, visit }) => {
  test.setTimeout(60_000);
  const own = [];
  for (const kind of Object.keys(server.users)) {
    const samples = { ...server.samples, user: server.users[kind], group: server.groups[kind] };
    const all = await questions({ url: server.url, samples });
    own.push(...all.filter(({ question }) => /\{(user|group)\}/.test(question)));
  }
  for (const { address } of own) {
    await visit(address);
    await isText(page, address);
  }
});

test('what was asked is shown as text, too', async ({ page, visit }) => {
  const text = `<script>window.hostile=1</script>"'\u202E`;
  const asked = encodeURIComponent(text);
  for (const [address, status] of [
    [`/apps/hostile/users/userName:${asked}`, 404],
    [`/apps/hostile/groups/displayName:${asked}`, 404],
    [`/apps/${asked}`, 404],
    [`/operations?status=${asked}`, 400],
    [`/operations?from=${asked}`, 400],
    [`/operations?${asked}=1`, 400],
    [`/${asked}`, 404],
    [`/login?next=/${asked}`, 200],
    [`/login/${asked}`, 200],
  ]) {
    await visit(address, status);
    await isText(page, address);
  }
});

test('hostile texts are text on paper, and none widens the sheet', async ({ server, page, visit }, info) => {
  test.setTimeout(90_000);
  const printed = [];
  for (const { question, address } of await questions(server)) {
    await visit(address);
    expect.soft(await tooWide(page), address).toEqual([]);
    await page.emulateMedia({ media: 'print' });
    expect(await page.evaluate(foreign), address).toEqual([]);
    expect(await page.evaluate(turning), address).toEqual([]);
    await page.emulateMedia({ media: null });
    if (!PRINTED.includes(question)) continue;
    const name = question.replaceAll(/\W+/g, '-');
    const all = await sheets(page, info, name);
    // A text of 64 KiB does not push the answer off the sheets.
    expect(all.length, address).toBeLessThan(12);
    for (const [at, sheet] of all.entries()) {
      expect(sheet, `${address}, sheet ${at}`).toMatch(/event [\d,]+ · made .* · coverage/);
    }
    // What turns the direction is written out, so that a line reads as it was.
    if (question === '/apps/{app}/users/{user}') expect(all.join('')).toContain('\\u{202e}txt.exe');
    if ((await drawn(info, name)).includes('<script>window.hostile=1</script>')) printed.push(question);
  }
  expect(printed).toEqual(PRINTED);
});

test('pictures hold shapes and words alone, and hostile names beside them are text', async ({ server, page, visit }) => {
  const ALLOWED = /^(a|circle|defs|g|line|path|pattern|polygon|polyline|rect|svg|text|title)$/;
  const named = [];
  let pictures = 0;
  for (const { question, address } of await questions(server)) {
    await visit(address);
    const found = await page.locator('svg').evaluateAll((all) =>
      all.flatMap((svg) => [svg, ...svg.querySelectorAll('*')]).map((one) => [
        one.localName, one.namespaceURI === 'http://www.w3.org/2000/svg', one.getAttribute('href') ?? '/',
      ]),
    );
    const strange = found.filter(([name, isSvg, href]) => !ALLOWED.test(name) || !isSvg || !href.startsWith('/'));
    expect(strange, address).toEqual([]);
    pictures += found.filter(([name]) => name === 'svg').length;
    const names = await page.locator('.bars .name').allTextContents();
    if (names.some((name) => name.includes('<script>window.hostile=1</script>'))) named.push(question);
  }
  expect(pictures).toBeGreaterThan(50);
  expect(named).toEqual(expect.arrayContaining(['/apps/{app}/groups/{group}/intervals', '/apps/{app}/users/{user}/intervals']));
});
