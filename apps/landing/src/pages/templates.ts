/** Renders the templates in `apps/landing/views`. What they print with `<%= %>` is escaped. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Injectable } from '@nestjs/common';
import type { FlagChange } from '@rookery/feature-flags';
import { Eta } from 'eta';
import type { CallFailure } from '../calls/call-failure.js';
import { FIRST_SIZE, type QuoteView, SIZES } from '../quotes/quote-view.js';
import type { PageState } from './page-state.js';

/** The parts of the page that depend on flags. Each is one element whose id is its name, so that it can be replaced. */
export const PARTIALS = ['theme', 'freshness', 'promo', 'pricing', 'start', 'flag-list', 'served-by'] as const;

export type PartialName = (typeof PARTIALS)[number];

/** A file of our own that the page needs beside its HTML. */
export interface Asset {
  readonly type: string;
  readonly content: string;
  /** Changes with the content, so that browsers may keep the file for good. */
  readonly url: string;
}

/** The build copies only templates, hence the names: `site.css.eta` holds nothing but CSS. */
const ASSETS = { stylesheet: ['site.css', 'text/css'], script: ['live-state.js', 'text/javascript'] } as const;

const views = fileURLToPath(new URL('../../views/', import.meta.url));

@Injectable()
export class Templates {
  readonly #eta = new Eta({ views, cache: true, autoEscape: true });
  readonly assets = { stylesheet: asset(...ASSETS.stylesheet), script: asset(...ASSETS.script) };

  page(state: PageState, quote: QuoteView): string {
    const estimate = { quote, sizes: SIZES, firstSize: FIRST_SIZE };
    return this.#eta.render('page', { ...state, estimate, assets: this.assets });
  }

  partial(name: PartialName, state: PageState): string {
    return this.#eta.render(`partials/${name}`, state);
  }

  /** The part of the page that shows a price. */
  quote(quote: QuoteView): string {
    return this.#eta.render('partials/quote', quote);
  }

  /** The history of a flag, in the order in which it is sent: this, any number of {@link historyRow}, and {@link historyEnd}. */
  historyHead(key: string): string {
    return this.#eta.render('history/head', { key, assets: this.assets });
  }

  historyRow(change: FlagChange): string {
    return this.#eta.render('history/row', change);
  }

  historyEnd(end: {
    readonly count: number;
    readonly answeredBy: string | null;
    readonly failure: CallFailure | undefined;
  }): string {
    return this.#eta.render('history/end', end);
  }
}

function asset(name: string, type: string): Asset {
  const content = readFileSync(`${views}assets/${name}.eta`, 'utf8');
  const hash = createHash('sha256').update(content).digest('hex').slice(0, 12);
  return { type, content, url: `/assets/${hash}/${name}` };
}
