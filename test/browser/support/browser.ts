/** A real browser, when this machine has one. */
import { describe } from '@jest/globals';
import { accessSync, constants } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

const CANDIDATES = [
  ...(process.env.CHROMIUM ? [process.env.CHROMIUM] : []),
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
];

/**
 * `describe` for suites that need a browser. Without one they are skipped, and say so; where `CI` is set they fail
 * instead, for there nobody reads what was skipped.
 */
export function describeWithBrowser(what: string, suite: () => void): void {
  if (browserProgram() !== undefined || process.env.CI) {
    describe(what, suite);
    return;
  }
  process.stderr.write(`\nSKIPPED: ${what}: no Chromium was found. Install one, or name it in CHROMIUM.\n\n`);
  describe.skip(`${what} (skipped: no Chromium)`, suite);
}

export function launchBrowser(): Promise<Browser> {
  const executablePath = browserProgram();
  if (executablePath === undefined) throw new Error(`No Chromium was found; looked for ${CANDIDATES.join(', ')}.`);
  // Test machines run as root in containers, where Chromium's sandbox cannot be set up.
  return chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
}

function browserProgram(): string | undefined {
  return CANDIDATES.find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
