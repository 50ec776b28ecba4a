/** The landing page in a real browser: what visitors see when a flag changes while they look at it. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { openStore } from '../apps/support/flag-store.js';
import { changed, runLanding, type RunningApp } from '../apps/support/running-app.js';
import { type TemporaryFolder, temporaryFolder } from '../apps/support/temporary-folder.js';
import { describeWithBrowser, launchBrowser } from './support/browser.js';

describeWithBrowser('the landing page in a browser', () => {
  let browser: Browser;
  let folder: TemporaryFolder;
  let landing: RunningApp;
  let page: Page;
  const complaints: string[] = [];

  beforeAll(async () => {
    browser = await launchBrowser();
  }, 60_000);
  afterAll(() => browser.close());

  beforeEach(async () => {
    folder = temporaryFolder();
    const { store, close } = openStore({ file: folder.file('flags.db') });
    await store.put('promo-banner', { enabled: false }, 'test');
    await close();
    landing = await runLanding({ file: folder.file('flags.db') });
    page = await browser.newPage();
    complaints.length = 0;
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(String(error)));
    const connected = page.waitForResponse((response) => response.url().endsWith('/live'));
    await page.goto(landing.url);
    await connected;
  }, 30_000);
  afterEach(async () => {
    await page.close();
    await landing.app.close();
    folder.remove();
  });

  it('shows a change without a reload, and breaks no rule of its content security policy', async () => {
    await page.evaluate('window.sameDocument = true');
    expect(await page.getByText('Half price until Sunday').isVisible()).toBe(false);
    landing.flags.onFlagChanged(changed('promo-banner', 2));
    await page.getByText('Half price until Sunday').waitFor({ state: 'visible' });
    landing.flags.onFlagChanged(changed('new-pricing', 1));
    await page.getByRole('heading', { name: 'Team' }).waitFor();
    landing.flags.onFlagChanged(changed('checkout-v2', 1));
    await page.getByRole('link', { name: 'Order the first box' }).waitFor();
    landing.flags.onFlagChanged(changed('promo-banner', 3, { enabled: false }));
    await page.getByText('Half price until Sunday').waitFor({ state: 'hidden' });
    expect(await page.evaluate('window.sameDocument')).toBe(true);
    expect(complaints).toEqual([]);
  }, 30_000);

  it('shows the price in the way that the flag says, without asking again, and asks for another number of people', async () => {
    await page.getByText('Your own price cannot be calculated now').waitFor(); // nobody answers yet
    const asked: unknown[] = [];
    landing.cluster.answers.set('pricing.quote', (data) => {
      asked.push(data);
      const { people } = data as { people: number };
      return { people, bags: { count: 4, cents: 9_600 }, plan: { name: 'Team', cents: 8_900 }, answeredBy: 'api-1' };
    });
    await page.getByLabel('How many are you?').selectOption('60');
    await page.getByText('Calculated by api-1').waitFor();
    await page.getByText('€96.00 a month').waitFor({ state: 'visible' });
    landing.flags.onFlagChanged(changed('new-pricing', 1));
    await page.getByText('€89.00 a month').waitFor({ state: 'visible' });
    expect(await page.getByText('€96.00 a month').isVisible()).toBe(false);
    expect(asked).toEqual([{ people: 60 }]);
    expect(complaints).toEqual([]);
  }, 30_000);

  it('turns dark when the flag says so', async () => {
    const background = () => page.evaluate<string>('getComputedStyle(document.body).backgroundColor');
    expect(await background()).toBe('rgb(255, 250, 244)');
    landing.flags.onFlagChanged(changed('dark-mode', 1));
    await page.waitForFunction(`getComputedStyle(document.body).backgroundColor === 'rgb(23, 17, 13)'`);
  }, 30_000);

  it('says that it may be out of date, for as long as that is so', async () => {
    const badge = page.getByText('This page may be out of date');
    expect(await badge.isVisible()).toBe(false);
    landing.cluster.state = { fresh: false, reasons: ['api-1 is silent'] };
    await badge.waitFor({ state: 'visible' });
    landing.cluster.state = { fresh: true, reasons: [] };
    await badge.waitFor({ state: 'detached' });
  }, 30_000);

  it('says why to who asks, keeps that open while the reasons change, and names no host', async () => {
    landing.cluster.state = { fresh: false, reasons: ['unproven-peer: api-1 (10.0.0.1:4370, suspect) was ...'] };
    await page.getByText('This page may be out of date').click();
    await page.getByText('Another of our servers cannot be asked').waitFor({ state: 'visible' });
    landing.cluster.state = { fresh: false, reasons: ['handler-lag: Flags.onChanged is 7.0 s behind'] };
    await page.getByText('Changes have arrived that are still being worked on').waitFor({ state: 'visible' });
    expect(await page.content()).not.toMatch(/10\.0\.0\.1|api-1|Flags\.onChanged/);
    expect(complaints).toEqual([]);
  }, 30_000);

  it('shows the text of flags as text', async () => {
    landing.flags.onFlagChanged(changed('sneaky', 1, { description: '<img src=x onerror="document.title=1">' }));
    await page.getByText('Behind this page').click();
    await page.getByText('<img src=x').waitFor({ state: 'visible' });
    expect(await page.title()).toContain('Copper Kettle');
    expect(complaints).toEqual([]);
  }, 30_000);

  it('keeps open what the visitor has opened', async () => {
    await page.getByText('Behind this page').click();
    landing.flags.onFlagChanged(changed('new-pricing', 1));
    await page.getByRole('rowheader', { name: 'new-pricing' }).waitFor({ state: 'visible' });
  }, 30_000);

  it('says so while it is cut off, reconnects once its replica was replaced, and catches up with what it missed', async () => {
    const port = new URL(landing.url).port;
    await landing.app.close();
    const notice = page.getByText('Not connected, trying again');
    await notice.waitFor({ state: 'visible' });
    landing = await runLanding({ file: folder.file('flags.db') }, Number(port));
    landing.flags.onFlagChanged(changed('promo-banner', 2));
    await page.getByText('Half price until Sunday').waitFor({ state: 'visible' });
    await notice.waitFor({ state: 'detached' });
  }, 30_000);
});
