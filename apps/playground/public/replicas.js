/** The list of replicas: how each one is, and what can be done with it. */
import * as actions from './actions.js';
import { make, reconcile, setAttribute, setText } from './dom.js';

/** Start and Kill share one place: what is clicked there next shall be what was seen before. */
const SETTLE_MS = 1000;

const settling = new WeakMap();
const list = document.getElementById('replicas');
const adders = document.querySelectorAll('[data-add]');
for (const adder of adders) adder.addEventListener('click', () => actions.add(adder.dataset.add));

export function showReplicas({ replicas, maxReplicas }) {
  reconcile(list, replicas, ({ name }) => name, createReplica, updateReplica);
  const isFull = replicas.length >= maxReplicas;
  const why = `${maxReplicas} replicas are enough for one machine: start one of those that ended instead`;
  for (const adder of adders) {
    adder.disabled = isFull;
    setAttribute(adder, 'title', isFull ? why : null);
  }
}

function createReplica({ name, app }) {
  const path = app === 'api' ? '/flags' : '/';
  const button = (action, label, title) => {
    const made = make('button', { type: 'button', class: action, title, 'aria-label': `${label} ${name}` }, label);
    made.addEventListener('click', () => actions[action](name));
    return made;
  };
  return make(
    'li',
    { 'data-path': path },
    make('span', { class: 'dot', 'aria-hidden': 'true' }),
    make(
      'div',
      { class: 'who' },
      make('b', {}, name),
      make('span', { class: 'state' }),
      make('a', { class: 'address', target: '_blank', rel: 'noopener' }),
      make('span', { class: 'pid' }),
    ),
    make(
      'div',
      { class: 'knows' },
      make('span', { class: 'fresh' }),
      make('span', { class: 'sees' }),
      make('span', { class: 'missed' }),
    ),
    make(
      'div',
      { class: 'buttons' },
      button('start', 'Start', 'Start it again'),
      button('stop', 'Stop', 'SIGTERM: it says goodbye to the others, then ends'),
      button('kill', 'Kill -9', 'kill -9: no goodbye; the others must find out'),
    ),
  );
}

function updateReplica(element, { app, state, pid, url, end, fresh, reasons, sees }) {
  const part = (name) => element.querySelector(`.${name}`);
  const runs = state === 'starting' || state === 'up' || state === 'stopping';
  setAttribute(element, 'data-state', state);
  setText(part('state'), state);
  setAttribute(part('state'), 'title', end === '' ? null : end);

  const address = part('address');
  const serves = state === 'up' || state === 'stopping';
  setText(address, url === null ? '' : `${url.replace('http://', '')}${app === 'landing' ? ' ↗' : '/flags ↗'}`);
  setAttribute(address, 'href', serves ? `${url}${element.dataset.path}` : null);
  setText(part('pid'), pid === null ? end : `pid ${pid}`);

  const chip = part('fresh');
  chip.hidden = state !== 'up' && fresh === null;
  setAttribute(chip, 'data-fresh', String(fresh));
  setText(chip, fresh ? 'fresh' : fresh === null ? 'does not answer' : `maybe out of date: ${reasons.join('; ')}`);
  reconcile(part('sees'), sees, ({ name }) => name, createSight, updateSight);

  const missed = sees.filter(({ status }) => status !== 'up');
  setText(part('missed'), missed.map(({ name, status }) => `${name} ${status}`).join(', '));

  if (part('start').hidden !== runs && element.isConnected) settle(part('buttons'));
  part('start').hidden = runs;
  part('stop').hidden = !runs;
  part('kill').hidden = !runs;
  part('stop').disabled = state === 'stopping';
}

/** Ignores clicks for a while, so that the second one of a double click does not hit another button. */
function settle(buttons) {
  clearTimeout(settling.get(buttons));
  buttons.inert = true;
  settling.set(
    buttons,
    setTimeout(() => (buttons.inert = false), SETTLE_MS),
  );
}

function createSight() {
  return make('i', { class: 'sight', role: 'img' });
}

function updateSight(element, { name, status }) {
  setAttribute(element, 'data-status', status);
  setAttribute(element, 'title', `sees ${name}: ${status}`);
  setAttribute(element, 'aria-label', `${name} ${status}`);
}
