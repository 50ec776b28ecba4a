/** The matrix of flags and replicas, and the ways to change it. */
import * as actions from './actions.js';
import { make, reconcile, setAttribute, setText } from './dom.js';

const head = document.getElementById('flags-head');
const body = document.getElementById('flags-body');
const more = document.getElementById('flags-more');
const via = document.getElementById('via');
const form = document.getElementById('new-flag');
const scroll = document.getElementById('flags-scroll');

/** The landing page that is asked for the history of a flag; undefined while none is up. */
let historian;

scroll.addEventListener('scroll', showWhetherThereIsMore);
const sizes = new ResizeObserver(showWhetherThereIsMore);
for (const element of [scroll, scroll.firstElementChild]) sizes.observe(element);

form.addEventListener('submit', async (event) => {
  event.preventDefault();
  const { key, description, enabled } = form.elements;
  const flag = { enabled: enabled.checked, description: description.value, ...chosenApi() };
  if (await actions.createFlag(key.value, flag)) form.reset();
});

export function showFlags({ replicas, flags, flagsNotShown }) {
  showApis(replicas);
  historian = replicas.find(({ app, state }) => app === 'landing' && state === 'up')?.url;
  reconcile(
    head,
    [{ name: 'flag' }, ...replicas],
    ({ name }) => name,
    ({ name }) => make('th', { scope: 'col' }, name),
    (cell, { state }) => setAttribute(cell, 'data-state', state ?? null),
  );
  reconcile(body, flags, ({ key }) => key, createRow, updateRow);
  more.hidden = flagsNotShown === 0;
  setText(more, `and ${flagsNotShown} more flags`);
}

/** Columns beyond the right edge: the table fades out there. */
function showWhetherThereIsMore() {
  const { scrollWidth, clientWidth, scrollLeft } = scroll;
  setAttribute(scroll, 'data-more', scrollWidth - clientWidth - scrollLeft > 1);
}

function chosenApi() {
  return via.value === '' ? {} : { via: via.value };
}

function showApis(replicas) {
  const apis = replicas.filter(({ app }) => app === 'api');
  const options = [{ name: '', label: 'any api' }, ...apis.map(({ name }) => ({ name, label: name }))];
  reconcile(
    via,
    options,
    ({ name }) => name,
    ({ name, label }) => make('option', { value: name }, label),
    (option, { name }) => {
      option.disabled = name !== '' && apis.find((api) => api.name === name)?.state !== 'up';
    },
  );
}

function createRow({ key }) {
  const toggle = make('button', { type: 'button', class: 'switch', role: 'switch', 'aria-label': key }, make('i'));
  toggle.addEventListener('click', async () => {
    toggle.disabled = true;
    await actions.putFlag(key, { enabled: toggle.getAttribute('aria-checked') !== 'true', ...chosenApi() });
    toggle.disabled = false;
  });
  return make(
    'tr',
    {},
    make(
      'th',
      { scope: 'row' },
      make('div', {}, toggle, make('span', {}, make('b', {}, key), createHistoryLink(key), make('small'))),
    ),
  );
}

function createHistoryLink(key) {
  return make(
    'a',
    { class: 'history', target: '_blank', rel: 'noopener', 'aria-label': `History of ${key}` },
    'history',
  );
}

function updateRow(row, { key, description, enabled, cells }) {
  const [title] = row.children;
  title.dataset.key = '';
  setAttribute(title.querySelector('.switch'), 'aria-checked', enabled);
  setText(title.querySelector('b'), key);
  setText(title.querySelector('small'), description);
  const address = historian === undefined ? null : `${historian}/flags/${encodeURIComponent(key)}/history`;
  setAttribute(title.querySelector('.history'), 'href', address);
  reconcile(row, [{ replica: '' }, ...cells], ({ replica }) => replica, createCell, updateCell);
}

function createCell() {
  return make('td', {}, make('span', { class: 'held' }));
}

function updateCell(cell, { replica, held, differs }) {
  if (replica === '') return; // the title of the row
  const shown = held === null ? '–' : `${held.enabled ? 'on' : 'off'} v${held.version}`;
  const before = cell.textContent;
  const label = cell.firstElementChild;
  setAttribute(cell, 'data-held', held === null ? 'nothing' : held.enabled ? 'on' : 'off');
  setAttribute(cell, 'data-differs', differs);
  if (before === shown) return;
  label.replaceChildren(
    ...(held === null ? [shown] : [`${held.enabled ? 'on' : 'off'} `, make('small', {}, `v${held.version}`)]),
  );
  if (before !== '')
    label.animate([{ transform: 'scale(1.25)' }, { transform: 'none' }], { duration: 350, easing: 'ease-out' });
}
