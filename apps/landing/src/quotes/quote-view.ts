/** What a page shows of a price that an api replica calculated, or could not. Pure. */
import type { Quote } from '@rookery/pricing';
import { MAX_PEOPLE } from '@rookery/pricing';
import type { Asked } from '../calls/api-calls.service.js';

/** Sizes that a visitor can choose from. */
export const SIZES = [8, 25, 60, 120] as const;

/** For how many people the page shows the price first. */
export const FIRST_SIZE = 25;

export interface QuoteView {
  /** Undefined when nobody answered. */
  readonly answer:
    | {
        readonly people: number;
        readonly byTheBag: string;
        readonly plan: string;
        readonly answeredBy: string;
        readonly tookMs: string;
      }
    | undefined;
  /** Why not, for visitors; empty when somebody did. */
  readonly problem: string;
}

/** Codes that say more to a visitor than that it did not work. */
const PROBLEMS: ReadonlyMap<string, string> = new Map([
  ['NO_PEER', 'None of our servers that can calculate it is there right now.'],
  ['TIMEOUT', 'Our server did not answer in time.'],
  ['PRICING_INVALID_REQUEST', `We can calculate it for 1 to ${MAX_PEOPLE} people.`],
]);

export function quoteView({ value, failure, tookMs }: Asked<Quote>): QuoteView {
  if (failure !== undefined) {
    return { answer: undefined, problem: PROBLEMS.get(failure.code) ?? 'Something went wrong on our side.' };
  }
  const { people, bags, plan, answeredBy } = value;
  return {
    answer: {
      people,
      byTheBag: `${euros(bags.cents)} a month: ${bags.count} ${bags.count === 1 ? 'bag' : 'bags'}`,
      plan:
        plan === null ? 'More than our plans are for: ask for an offer' : `${euros(plan.cents)} a month: ${plan.name}`,
      answeredBy,
      tookMs: tookMs.toFixed(1),
    },
    problem: '',
  };
}

function euros(cents: number): string {
  return `€${(cents / 100).toFixed(2)}`;
}
