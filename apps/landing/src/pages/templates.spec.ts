import { describe, expect, it } from '@jest/globals';
import type { FlagChange } from '@rookery/feature-flags';
import type { CallFailure } from '../calls/call-failure.js';
import type { QuoteView } from '../quotes/quote-view.js';
import type { PageState } from './page-state.js';
import { PARTIALS, Templates } from './templates.js';

const plain: PageState = {
  theme: 'auto',
  promoBanner: false,
  newPricing: false,
  checkoutV2: false,
  stale: false,
  doubts: [],
  servedBy: 'landing-1',
  flags: [],
  flagsNotShown: 0,
};

const quoted: QuoteView = {
  answer: { people: 25, byTheBag: '€96.00 a month', plan: '€89.00 a month', answeredBy: 'api-1', tookMs: '1.2' },
  problem: '',
};

describe('Templates', () => {
  const templates = new Templates();

  it.each(PARTIALS)(
    'renders the part %s as one element of that id, marked to take the place of the old one',
    (name) => {
      for (const state of [plain, { ...plain, promoBanner: true, newPricing: true, checkoutV2: true, stale: true }]) {
        const html = templates.partial(name, state).trim();
        expect(html).toMatch(new RegExp(`^<(\\w+) id="${name}" hx-swap-oob="(true|outerMorph)"[^]*</\\w+>$`));
        expect(templates.page(state, quoted)).toContain(html);
      }
    },
  );

  it('shows by the flags which sections there are', () => {
    expect(templates.page(plain, quoted)).toContain('Pay by the bag');
    expect(templates.page(plain, quoted)).not.toContain('Half price');
    const page = templates.page({ ...plain, promoBanner: true, newPricing: true, checkoutV2: true }, quoted);
    expect(page).toContain('Half price');
    expect(page).toContain('Most offices');
    expect(page).toContain('One step, one minute');
    expect(page).not.toContain('Pay by the bag');
  });

  it('leads from each flag to its history', () => {
    const flag = { key: 'dark-mode', enabled: true, description: '', version: 1, updatedAt: '' };
    expect(templates.page({ ...plain, flags: [flag] }, quoted)).toContain('<a href="/flags/dark-mode/history"');
  });

  it('says which replica served it, and whether it may be out of date', () => {
    expect(templates.page(plain, quoted)).toContain('landing-1');
    expect(templates.page(plain, quoted)).not.toContain('may be out of date');
    const page = templates.page({ ...plain, stale: true, doubts: ['One thing.', 'Another <thing>.'] }, quoted);
    expect(page).toContain('<summary>This page may be out of date</summary>');
    expect(page).toContain('<li>One thing.</li><li>Another &lt;thing&gt;.</li>');
  });

  it('shows the price with who calculated it, or says in one place that there is none', () => {
    const page = templates.page(plain, quoted);
    expect(page).toContain(templates.quote(quoted).trim());
    expect(page).toContain('€96.00 a month');
    expect(page).toContain('Calculated by <b>api-1</b> in 1.2 ms');
    const without = templates.page(plain, { answer: undefined, problem: 'Nobody <there>.' });
    expect(without).toContain('cannot be calculated now. Nobody &lt;there&gt;.');
    expect(without).not.toContain('Calculated by');
    expect(templates.quote(quoted).trim()).toMatch(/^<div id="quote"[^]*<\/div>$/);
  });

  it('writes the history of a flag in parts that make one page', () => {
    const change = { key: 'a', version: 3, enabled: true, deleted: false, at: '2030-01-01T00:00:00.000Z', by: 'api-2' };
    const page = (rows: readonly FlagChange[], failure?: CallFailure) =>
      templates.historyHead('a') +
      rows.map((row) => templates.historyRow(row)).join('') +
      templates.historyEnd({ count: rows.length, answeredBy: rows.length > 0 ? 'api-1' : null, failure });
    expect(page([change])).toMatch(/^<!doctype html>[^]*<td>3<\/td><td>on<\/td>[^]*<td>api-2<\/td>[^]*<\/html>\s*$/);
    expect(page([change])).toContain('1 change, the newest first, told by <b>api-1</b>');
    expect(page([{ ...change, deleted: true }])).toContain('<td>deleted</td>');
    expect(page([])).toContain('No change of it is known');
    expect(page([change], { code: 'PEER_LOST', member: 'api-1' })).toContain('Cut short');
    expect(page([], { code: 'NO_PEER', member: null })).toContain('No api replica could be asked');
  });

  it('escapes what comes from outside', () => {
    const evil = '<script>alert(1)</script>"\'&';
    const flag = { key: evil, enabled: true, description: evil, version: 1, updatedAt: evil };
    const answer = { people: 1, byTheBag: evil, plan: evil, answeredBy: evil, tookMs: evil };
    const page =
      templates.page({ ...plain, servedBy: evil, flags: [flag] }, { answer, problem: evil }) +
      templates.historyHead(evil) +
      templates.historyRow({ key: evil, version: 1, enabled: true, deleted: false, at: evil, by: evil }) +
      templates.historyEnd({ count: 1, answeredBy: evil, failure: undefined }) +
      templates.historyEnd({ count: 1, answeredBy: null, failure: { code: evil, member: evil } });
    expect(page).not.toContain('<script>alert');
    expect(page).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
  });

  it('has no inline script, style or handler, which the content security policy would refuse', () => {
    const page = templates.page(
      { ...plain, promoBanner: true, newPricing: true, checkoutV2: true, stale: true },
      quoted,
    );
    expect(page).not.toMatch(/<style|<script(?! src=)|\sstyle=|\son\w+=|javascript:/i);
  });
});
