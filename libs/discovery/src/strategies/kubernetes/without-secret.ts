/** Takes a secret out of a text of somebody else that may have been cut in its middle. Pure. */

/** Fewer characters of a secret say nothing, and stand in many a text by chance. */
const SHORTEST_PIECE = 8;

/**
 * The text with `replacement` wherever the secret stands, or its beginning with something else behind it: a text that was
 * cut to a length, and marked as such, has no more of it.
 *
 * @example
 * withoutSecret('refused: abcdefgh0123 (403)', 'abcdefgh0123', '[token]'); // 'refused: [token] (403)'
 * withoutSecret('refused: abcdefgh0...', 'abcdefgh0123', '[token]');       // 'refused: [token]...'
 */
export function withoutSecret(text: string, secret: string, replacement: string): string {
  const beginning = secret.slice(0, SHORTEST_PIECE);
  let clean = '';
  let from = 0;
  for (let at = text.indexOf(beginning); at !== -1; at = text.indexOf(beginning, from)) {
    let length = beginning.length;
    while (length < secret.length && text[at + length] === secret[length]) length++;
    clean += text.slice(from, at) + replacement;
    from = at + length;
  }
  return clean + text.slice(from);
}
