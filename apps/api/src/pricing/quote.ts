/** Calculates what coffee for an office comes to. Pure. */
import type { Quote } from '@rookery/pricing';

/** Kilograms that one person drinks in a month; a bag holds one kilogram. */
const BAGS_PER_PERSON = 0.16;
/** Of the roast that most offices take. */
const BAG_CENTS = 2_400;
const BAG_CENTS_OF_MANY = 2_150;
const MANY_BAGS = 10;

/** As the page shows them, the smallest first. */
const PLANS = [
  { name: 'Studio', upTo: 8, cents: 3_900 },
  { name: 'Team', upTo: 25, cents: 8_900 },
  { name: 'House', upTo: 60, cents: 18_900 },
] as const;

/** @param people a whole number from 1 on */
export function quoteFor(people: number): Omit<Quote, 'answeredBy'> {
  const count = Math.ceil(people * BAGS_PER_PERSON);
  const plan = PLANS.find(({ upTo }) => people <= upTo);
  return {
    people,
    bags: { count, cents: count * (count >= MANY_BAGS ? BAG_CENTS_OF_MANY : BAG_CENTS) },
    plan: plan === undefined ? null : { name: plan.name, cents: plan.cents },
  };
}
