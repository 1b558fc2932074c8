// Debian's Chromium: none is downloaded.
import { existsSync } from 'node:fs';
import path from 'node:path';

const names = ['chromium', 'chromium-browser', 'google-chrome'];
const folders = (process.env.PATH ?? '').split(path.delimiter);

export const executablePath = names
  .flatMap((name) => folders.map((folder) => path.join(folder, name)))
  .find((file) => existsSync(file));

if (!executablePath) throw new Error('no Chromium in PATH: run tools/setup tests');
