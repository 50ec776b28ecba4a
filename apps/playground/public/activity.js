/** What happened lately, newest first. */
import { make, reconcile, setAttribute, setText } from './dom.js';

const list = document.getElementById('activity');

export function showActivity({ activity }) {
  reconcile(list, activity, ({ id }) => String(id), createEntry, updateEntry);
}

/** An entry of a list of what happened. */
export function createEntry({ at }) {
  const time = new Date(at);
  const shown = `${time.toLocaleTimeString('en-GB')}.${String(time.getMilliseconds()).padStart(3, '0')}`;
  return make('li', {}, make('time', { datetime: time.toISOString() }, shown), make('div', {}, make('b'), make('p')));
}

export function updateEntry(element, { tone, title, detail }) {
  setAttribute(element, 'data-tone', tone);
  setText(element.querySelector('b'), title);
  setText(element.querySelector('p'), detail);
}
