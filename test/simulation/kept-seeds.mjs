/** Seeds that once failed, and what they found. A change of what `plan.ts` draws gives them another meaning: then they are only seeds. */
export const KEPT_SEEDS = [
  { seed: 36, about: 'a node that restarted heard of its own former life, and waited for it' },
  { seed: 78, about: 'a link to a dead node outlived the first link to its successor' },
  { seed: 1244, about: 'a node only heard of counted as up to date without a proof' },
  { seed: 1368, about: 'two links told the same gap' },
  { seed: 340, about: 'a node told itself a gap of nothing' },
];
