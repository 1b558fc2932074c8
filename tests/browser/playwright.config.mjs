// The projects: `quick` is what a change runs, the others are for the night.
import path from 'node:path';
import { defineConfig } from '@playwright/test';
import { executablePath } from './support/chromium.mjs';

const desk = { width: 1440, height: 900 };
const phone = { width: 390, height: 844 };
// Only files of the night.
const night = ['**/every_page.spec.mjs', '**/newcomer.spec.mjs'];

export default defineConfig({
  testDir: 'cases',
  testMatch: '**/*.spec.mjs',
  outputDir: path.join(process.env.PROVLOG_BROWSER_OUT, 'failures'),
  workers: 2,
  forbidOnly: true,
  timeout: 30_000,
  expect: { timeout: 5_000 },
  reporter: [['list']],
  use: {
    browserName: 'chromium',
    // The container's root has no other sandbox to offer.
    launchOptions: { executablePath, args: ['--no-sandbox'] },
    viewport: desk,
    colorScheme: 'light',
    locale: 'en-GB',
    // Not UTC, so that a page that shows the reader's zone differs from one that does not.
    timezoneId: 'Europe/Oslo',
    screenshot: 'only-on-failure',
    actionTimeout: 10_000,
    navigationTimeout: 15_000,
  },
  projects: [
    { name: 'quick', testIgnore: night },
    { name: 'dark', testIgnore: night, use: { colorScheme: 'dark' } },
    { name: 'narrow', testIgnore: night, use: { viewport: phone } },
    // What is about scripts alone has the tag @script.
    { name: 'plain', testIgnore: night, grepInvert: /@script/, use: { javaScriptEnabled: false } },
    { name: 'pages', testMatch: night },
  ],
});
