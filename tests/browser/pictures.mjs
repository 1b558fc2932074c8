// Pictures of every page, and those of docs/tour.md: see `tools/screenshots`.
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { chromium } from '@playwright/test';
import { pages } from './support/addresses.mjs';
import { executablePath } from './support/chromium.mjs';
import { dress } from './support/company.mjs';
import { startDemo } from './support/server.mjs';
import { signIn } from './support/sign_in.mjs';
import { stops } from './support/tour.mjs';

const SIZES = { 1440: { width: 1440, height: 900 }, 390: { width: 390, height: 844 } };
const THEMES = ['light', 'dark'];
// As long as the history of the demo that readers play.
const DAYS = 90;

const [folder, ...words] = process.argv.slice(2);
if (!folder || folder.startsWith('-')) {
  console.error('usage: tools/screenshots FOLDER [WORD...]   or   tools/screenshots tour');
  process.exit(2);
}

// A picture as WebP, which the browser itself makes from its PNG.
async function webp(browser, png) {
  const page = await browser.newPage();
  const encoded = await page.evaluate(async (base64) => {
    const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
    const image = await createImageBitmap(new Blob([bytes], { type: 'image/png' }));
    const canvas = new OffscreenCanvas(image.width, image.height);
    canvas.getContext('2d').drawImage(image, 0, 0);
    const blob = await canvas.convertToBlob({ type: 'image/webp', quality: 0.8 });
    const made = new Uint8Array(await blob.arrayBuffer());
    return btoa(Array.from(made, (byte) => String.fromCharCode(byte)).join(''));
  }, png.toString('base64'));
  await page.close();
  return Buffer.from(encoded, 'base64');
}

const server = await startDemo({ days: DAYS });
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
try {
  await dress(server);
  const storageState = await signIn(browser, server, server.adminToken);
  const look = async (width, colorScheme, scale = 1) => {
    const context = await browser.newContext({
      baseURL: server.url,
      storageState,
      viewport: SIZES[width],
      colorScheme,
      deviceScaleFactor: scale,
      locale: 'en-GB',
      timezoneId: 'UTC',
    });
    return [context, await context.newPage()];
  };

  if (folder === 'tour') {
    const to = path.resolve(import.meta.dirname ?? '.', '../../docs/tour');
    await mkdir(to, { recursive: true });
    for (const { name, address, theme = 'light', height = 900, before } of await stops(server)) {
      const [context, page] = await look(1440, theme);
      await page.goto(address);
      await before?.(page);
      const png = await page.screenshot({ clip: { x: 0, y: 0, width: 1440, height } });
      const picture = await webp(browser, png);
      await writeFile(path.join(to, `${name}.webp`), picture);
      console.log(`${name}.webp  ${Math.ceil(picture.length / 1000)} kB`);
      await context.close();
    }
  } else {
    await mkdir(folder, { recursive: true });
    const chosen = (await pages(server)).filter(
      ({ address, name }) => !words.length || words.some((word) => `${address} ${name}`.includes(word)),
    );
    for (const width of Object.keys(SIZES)) {
      for (const theme of THEMES) {
        const [context, page] = await look(width, theme);
        for (const { name, address } of chosen) {
          const response = await page.goto(address);
          const file = `${name}-${width}-${theme}.png`;
          await page.screenshot({ path: path.join(folder, file), fullPage: true });
          if (!response.ok()) console.error(`${response.status()}  ${address}  ${file}`);
        }
        await context.close();
      }
    }
    console.log(`${chosen.length} pages in ${folder}`);
  }
} finally {
  await browser.close();
  await server.stop();
}
