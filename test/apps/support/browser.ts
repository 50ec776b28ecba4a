/** A real browser, when this machine has one. */
import { accessSync, constants } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

const CANDIDATES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

export function browserProgram(): string | undefined {
  return CANDIDATES.find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

export function launchBrowser(): Promise<Browser> {
  // Test machines run as root in containers, where Chromium's sandbox cannot be set up.
  return chromium.launch({ executablePath: browserProgram(), args: ['--no-sandbox', '--disable-dev-shm-usage'] });
}
