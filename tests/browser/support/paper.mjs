// What a page looks like on paper.
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

// The texts of the sheets that a page prints as. `pdftotext` is of poppler-utils.
export async function sheets(page, info, name) {
  const file = info.outputPath(`${name}.pdf`);
  await writeFile(file, await page.pdf({ preferCSSPageSize: true }));
  const { stdout } = await run('pdftotext', ['-layout', file, '-'], { maxBuffer: 64 << 20 });
  // A form feed ends each sheet.
  return stdout.split('\f').slice(0, -1);
}

// The same text in the order in which it is drawn, without any space: a cell is one piece, however its
// lines break with the fonts of this machine.
export async function drawn(info, name) {
  const file = info.outputPath(`${name}.pdf`);
  const { stdout } = await run('pdftotext', ['-raw', file, '-'], { maxBuffer: 64 << 20 });
  return stdout.replaceAll(/\s+/g, '');
}

// The width of a sheet's content in pixels: of A4 between its margins, lying if the table is wide.
const PORTRAIT = Math.floor(((210 - 24) / 25.4) * 96);
const LANDSCAPE = Math.floor(((297 - 24) / 25.4) * 96);

// Lays the page out as on paper, and gives what is wider than the sheet: Chromium would print the whole
// page smaller, or cut it.
export async function tooWide(page) {
  const screen = page.viewportSize();
  await page.emulateMedia({ media: 'print' });
  const isWide = await page.evaluate(() => getComputedStyle(document.body).page === 'wide');
  await page.setViewportSize({ width: isWide ? LANDSCAPE : PORTRAIT, height: screen.height });
  const found = await page.evaluate(() => {
    const { clientWidth } = document.documentElement;
    const isShown = (element) => element.checkVisibility() && getComputedStyle(element).position !== 'fixed';
    return [...document.querySelectorAll('main *:not(svg *):not(.hidden):not(.hidden *)')]
      .filter((element) => isShown(element) && element.getBoundingClientRect().right > clientWidth + 1)
      .map((element) => element.outerHTML.slice(0, 120))
      .slice(0, 3);
  });
  await page.setViewportSize(screen);
  await page.emulateMedia({ media: null });
  return found;
}
