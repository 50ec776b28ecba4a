/** The landing page in a real browser while a real api falls silent: the note comes, explains itself, and goes, without a reload. */
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { type Program, Programs } from '../apps/support/program.js';
import { type TemporaryFolder, temporaryFolder } from '../apps/support/temporary-folder.js';
import { describeWithBrowser, launchBrowser } from './support/browser.js';

/** The limit is 6 s, and a machine may be busy. */
const STALE_WITHIN_MS = 20_000;

describeWithBrowser('the landing page while an api is silent', () => {
  const programs = new Programs();
  let folder: TemporaryFolder;
  let browser: Browser;
  let page: Page;
  let api: Program;

  beforeAll(async () => {
    folder = temporaryFolder();
    browser = await launchBrowser();
    const start = (app: 'api' | 'landing') =>
      programs.start(app, { NODE_NAME: `${app}-1`, FLAGS_FILE: folder.file('flags.db') });
    api = start('api');
    await api.url();
    const url = await start('landing').url();
    page = await browser.newPage();
    const connected = page.waitForResponse((response) => response.url().endsWith('/live'));
    await page.goto(url);
    await connected;
  }, 60_000);
  afterAll(async () => {
    programs.kill();
    folder.remove();
    await browser.close();
  });

  it('says so, says why in words for visitors, and stops saying so by itself', async () => {
    const note = page.getByText('This page may be out of date');
    await note.waitFor({ state: 'detached', timeout: STALE_WITHIN_MS });
    await page.evaluate('window.sameDocument = true');
    api.process.kill('SIGSTOP');
    try {
      await note.waitFor({ state: 'visible', timeout: STALE_WITHIN_MS });
      await note.click();
      await page.getByText('Another of our servers cannot be asked right now').waitFor({ state: 'visible' });
      expect(await page.locator('#freshness').innerHTML()).not.toMatch(/api-1|unproven-peer|127\.0\.0\.1:\d/);
    } finally {
      api.process.kill('SIGCONT');
    }
    await note.waitFor({ state: 'detached', timeout: STALE_WITHIN_MS });
    expect(await page.evaluate('window.sameDocument')).toBe(true);
  }, 90_000);
});
