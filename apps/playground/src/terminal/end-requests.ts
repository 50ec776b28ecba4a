/** What a signal means. Pure. */

/** npm hands a Ctrl-C on that the terminal has sent to everybody already: one key press may arrive twice. */
const SAME_KEY_PRESS_MS = 400;

/** The first signal ends everything politely; one that comes later, at once. */
export function meaningOf(firstAt: number | undefined, now: number): 'end' | 'again' | 'kill' {
  if (firstAt === undefined) return 'end';
  return now - firstAt < SAME_KEY_PRESS_MS ? 'again' : 'kill';
}
