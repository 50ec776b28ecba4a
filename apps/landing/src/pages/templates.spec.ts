import { describe, expect, it } from '@jest/globals';
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

describe('Templates', () => {
  const templates = new Templates();

  it.each(PARTIALS)(
    'renders the part %s as one element of that id, marked to take the place of the old one',
    (name) => {
      for (const state of [plain, { ...plain, promoBanner: true, newPricing: true, checkoutV2: true, stale: true }]) {
        const html = templates.partial(name, state).trim();
        expect(html).toMatch(new RegExp(`^<(\\w+) id="${name}" hx-swap-oob="(true|outerMorph)"[^]*</\\w+>$`));
        expect(templates.page(state)).toContain(html);
      }
    },
  );

  it('shows by the flags which sections there are', () => {
    expect(templates.page(plain)).toContain('Pay by the bag');
    expect(templates.page(plain)).not.toContain('Half price');
    const page = templates.page({ ...plain, promoBanner: true, newPricing: true, checkoutV2: true });
    expect(page).toContain('Half price');
    expect(page).toContain('Most offices');
    expect(page).toContain('One step, one minute');
    expect(page).not.toContain('Pay by the bag');
  });

  it('says which replica served it, and whether it may be out of date', () => {
    expect(templates.page(plain)).toContain('landing-1');
    expect(templates.page(plain)).not.toContain('may be out of date');
    const page = templates.page({ ...plain, stale: true, doubts: ['One thing.', 'Another <thing>.'] });
    expect(page).toContain('<summary>This page may be out of date</summary>');
    expect(page).toContain('<li>One thing.</li><li>Another &lt;thing&gt;.</li>');
  });

  it('escapes what comes from outside', () => {
    const evil = '<script>alert(1)</script>"\'&';
    const flag = { key: evil, enabled: true, description: evil, version: 1, updatedAt: evil };
    const page = templates.page({ ...plain, servedBy: evil, flags: [flag] });
    expect(page).not.toContain('<script>alert');
    expect(page).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
  });

  it('has no inline script, style or handler, which the content security policy would refuse', () => {
    const page = templates.page({ ...plain, promoBanner: true, newPricing: true, checkoutV2: true, stale: true });
    expect(page).not.toMatch(/<style|<script(?! src=)|\sstyle=|\son\w+=|javascript:/i);
  });
});
