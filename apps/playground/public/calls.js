/** What each replica asked of others lately, and who answered: a short list for each, newest first. */
import { createEntry, updateEntry } from './activity.js';
import { make, reconcile } from './dom.js';

const lists = document.getElementById('calls');
const none = document.getElementById('calls-none');

export function showCalls({ replicas }) {
  const callers = replicas.filter(({ calls }) => calls.length > 0);
  none.hidden = callers.length > 0;
  reconcile(
    lists,
    callers,
    ({ name }) => name,
    ({ name }) => make('li', {}, make('h3', {}, name), make('ol', { class: 'entries' })),
    (element, { pid, calls }) => {
      // With its process: the next one counts from the beginning again.
      reconcile(element.lastElementChild, calls, ({ id }) => `${pid} ${id}`, createEntry, updateCall);
    },
  );
}

function updateCall(element, { pattern, answeredBy, tookMs, error }) {
  const who = answeredBy ?? 'nobody';
  const detail =
    error === null ? `answered by ${answeredBy ?? 'an api'} in ${tookMs} ms` : `${error}: asked ${who}, ${tookMs} ms`;
  updateEntry(element, { tone: error === null ? 'good' : 'bad', title: pattern, detail });
}
