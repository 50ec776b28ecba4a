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

function updateCall(element, { pattern, member, tookMs, error }) {
  const [tone, detail] =
    error === null
      ? ['good', `${member ?? 'an api'} answered in ${tookMs} ms`]
      : ['bad', `${error} after ${tookMs} ms, ${member === null ? 'nobody could be asked' : `asked ${member}`}`];
  updateEntry(element, { tone, title: pattern, detail });
}
