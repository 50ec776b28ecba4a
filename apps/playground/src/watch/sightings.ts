/** What became of the members in a replica's eyes between two looks. Pure. */
import type { Observation, SeenMember } from './observation.js';

/** Members that are new, or have another status than before. A first look has nothing to compare with, and tells nothing. */
export function sightings(before: Observation | undefined, after: Observation): readonly SeenMember[] {
  if (before === undefined || before.incarnation !== after.incarnation) return [];
  const known = new Map(before.members.map(({ incarnation, status }) => [incarnation, status]));
  return after.members.filter(({ incarnation, status }) => known.get(incarnation) !== status);
}
