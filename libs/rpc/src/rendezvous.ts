/**
 * Rendezvous hashing (Thaler and Ravishankar, 1998): every member has a score for a key, and the highest has it. When a
 * member goes, only its keys move; when one comes, it takes its share from all. Pure.
 */

/** FNV-1a over UTF-16 code units. */
function hash(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return h;
}

/** The finalizer of MurmurHash3: every bit of the input moves half the bits of the output. */
function mixed(h: number): number {
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** The score of a member for a key. Every node computes the same. */
export function score(key: string, member: string): number {
  return mixed(mixed(hash(key)) ^ hash(member));
}
