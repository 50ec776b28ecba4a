/** How things are, in a few words. */
import { make, reconcile, setAttribute, setText } from './dom.js';

const list = document.getElementById('summary');

export function showSummary({ replicas, edges, flags }) {
  const up = replicas.filter(({ state }) => state === 'up');
  const links = edges.filter(({ kind }) => kind === 'link').length;
  const differing = flags.flatMap(({ cells }) => cells).filter(({ differs }) => differs).length;
  const isFresh = up.every(({ fresh }) => fresh !== false);
  reconcile(
    list,
    [
      {
        key: 'up',
        value: `${up.length}/${replicas.length}`,
        label: 'replicas up',
        good: up.length === replicas.length,
      },
      { key: 'links', value: String(links), label: links === 1 ? 'link' : 'links', good: true },
      { key: 'fresh', value: isFresh ? 'yes' : 'not all', label: 'up to date', good: isFresh },
      {
        key: 'agree',
        value: differing === 0 ? 'same' : `${differing} differ`,
        label: 'flags everywhere',
        good: differing === 0,
      },
    ],
    ({ key }) => key,
    () => make('li', {}, make('b'), make('span')),
    (element, { value, label, good }) => {
      setAttribute(element, 'data-good', good);
      setText(element.querySelector('b'), value);
      setText(element.querySelector('span'), label);
    },
  );
}
