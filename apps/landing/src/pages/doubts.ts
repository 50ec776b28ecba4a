/**
 * Why the page may be out of date, in words for its visitors. Pure.
 *
 * The reasons themselves name hosts, addresses and files, which are no business of a visitor: `/flags` and `/health` tell
 * them to those who run this. Only the word that each begins with comes here; what is not known is told in general.
 */

const MISSED = 'A change may have passed us by. Everything is being loaded again.';
const UNHEARD = 'Another of our servers cannot be asked right now whether something changed.';
const UNKNOWN = 'Something may have changed that this page does not show yet.';

const WORDS: ReadonlyMap<string, string> = new Map([
  ['not-loaded', 'The current state has not been loaded yet.'],
  ['load-failed', 'Loading the current state did not work. We keep trying.'],
  ['gap', MISSED],
  ['dropped', MISSED],
  ['unknown-write', MISSED],
  ['unproven-peer', UNHEARD],
  ['unreached-address', UNHEARD],
  ['no-discovery-answer', UNHEARD],
  ['unusable-address', UNHEARD],
  ['handler-lag', 'Changes have arrived that are still being worked on.'],
  ['left', 'This server is going out of service.'],
]);

/** A sentence for each kind of reason, each once. Without figures: what changes every second would be sent to every page every second. */
export function doubtsOf(reasons: readonly string[]): readonly string[] {
  return [...new Set(reasons.map((reason) => WORDS.get(reason.slice(0, Math.max(0, reason.indexOf(':')))) ?? UNKNOWN))];
}
