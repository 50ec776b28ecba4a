/** The replicas and what is between them, drawn with cytoscape; with all views together, or as one replica sees it. */
import cytoscape from './cytoscape/cytoscape.esm.min.mjs';
import { make, reconcile } from './dom.js';

const container = document.getElementById('graph');
const observer = document.getElementById('observer');
const SPREAD_MS = 700;
/** Room for half a node at each side. */
const MARGIN = { x: 56, y: 30 };
const EVERYBODY = { name: '', label: 'everybody' };

let shown;
let spreadOf = Infinity;
const graph = cytoscape({
  container,
  style: style(),
  layout: { name: 'preset' },
  pixelRatio: Math.max(2, devicePixelRatio), // sharp letters, also on a plain screen
  userZoomingEnabled: false,
  userPanningEnabled: false,
  boxSelectionEnabled: false,
  autounselectify: true,
  autoungrabify: true,
});

observer.addEventListener('change', draw);
graph.on('tap', 'node', ({ target }) => {
  observer.value = observer.value === target.id() ? '' : target.id();
  draw();
});
graph.on('tap', ({ target }) => {
  if (target !== graph) return;
  observer.value = '';
  draw();
});
new ResizeObserver(() => {
  graph.resize();
  place();
}).observe(container);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => graph.style(style()));

export function showGraph(view) {
  shown = view;
  reconcile(
    observer,
    [EVERYBODY, ...view.replicas],
    ({ name }) => name,
    ({ name, label }) => make('option', { value: name }, label ?? name),
    (option, { name, sees }) => (option.disabled = name !== '' && sees.length === 0),
  );
  draw();
  showSpread(view.activity);
}

function draw() {
  if (shown === undefined) return;
  const { replicas, edges } = shown;
  const seenBy = replicas.find(({ name, sees }) => name === observer.value && sees.length > 0);
  const nodes = replicas.map((replica) => ({
    id: replica.name,
    label: `${replica.name}\n${wordFor(replica, seenBy)}`,
    classes: `${replica.app} ${wordFor(replica, seenBy).replaceAll(' ', '-')} ${seenBy?.name === replica.name ? 'observer' : ''}`,
  }));
  const lines = edges.map(({ from, to, kind, roundTripMs }) => {
    const isSeen = seenBy === undefined || [from, to].includes(seenBy.name);
    const label = isSeen && seenBy !== undefined && kind === 'link' && roundTripMs !== null ? `${roundTripMs} ms` : '';
    return { id: `${from} ${to}`, source: from, target: to, label, classes: `${kind} ${isSeen ? '' : 'unseen'}` };
  });
  graph.batch(() => {
    sync(graph.nodes(), nodes);
    sync(graph.edges(), lines);
  });
  place();
}

/** In everybody's view what the process is; in the view of one, what that one says. */
function wordFor({ name, state, fresh }, seenBy) {
  if (seenBy !== undefined && seenBy.name !== name)
    return seenBy.sees.find((sight) => sight.name === name)?.status ?? 'unknown';
  if (state !== 'up' || fresh) return state;
  return fresh === null ? 'silent' : 'out of date';
}

function sync(present, wanted) {
  const ids = new Set(wanted.map(({ id }) => id));
  present.filter((element) => !ids.has(element.id())).remove();
  for (const { classes, ...data } of wanted) {
    const element = graph.getElementById(data.id);
    if (element.empty()) graph.add({ data, classes });
    else {
      element.data('label', data.label);
      element.classes(element.hasClass('spread') ? `${classes} spread` : classes);
    }
  }
}

/** On an ellipse that fills the place there is, in their order: nobody moves when somebody dies. */
function place() {
  const nodes = graph.nodes();
  const angles = nodes.map((_, i) => (2 * Math.PI * i) / nodes.length - Math.PI / 2);
  const across = spread(angles.map(Math.cos), MARGIN.x, graph.width() - MARGIN.x);
  const down = spread(angles.map(Math.sin), MARGIN.y, graph.height() - MARGIN.y);
  nodes.forEach((node, i) => node.position({ x: Math.round(across[i]), y: Math.round(down[i]) }));
}

/** The numbers, stretched so that the least and the greatest are where they shall be. */
function spread(numbers, from, to) {
  const [least, greatest] = [Math.min(...numbers), Math.max(...numbers)];
  if (greatest - least < 1e-9) return numbers.map(() => (from + to) / 2);
  return numbers.map((number) => from + ((number - least) / (greatest - least)) * (to - from));
}

/** A flip runs along the links from its api to whoever confirmed it. */
function showSpread(activity) {
  const newest = activity[0]?.id ?? 0;
  for (const { id, spread } of activity) {
    if (spread === undefined || id <= spreadOf) continue;
    const edges = graph.edges().filter((edge) => {
      const ends = [edge.data('source'), edge.data('target')];
      return ends.includes(spread.from) && spread.to.some((name) => ends.includes(name));
    });
    edges.addClass('spread');
    setTimeout(() => edges.removeClass('spread'), SPREAD_MS);
  }
  spreadOf = newest;
}

function style() {
  const css = getComputedStyle(document.documentElement);
  const color = (name) => css.getPropertyValue(`--${name}`).trim();
  const states = (names) => names.map((name) => `node.${name}`).join(', ');
  return [
    {
      selector: 'node',
      style: {
        shape: 'round-rectangle',
        width: 96,
        height: 44,
        'background-color': color('card'),
        'border-width': 2,
        'border-color': color('good'),
        label: 'data(label)',
        'text-wrap': 'wrap',
        'text-valign': 'center',
        'line-height': 1.25,
        'font-family': css.fontFamily,
        'font-size': 12,
        'font-weight': 600,
        color: color('ink'),
        'transition-property': 'background-color border-color',
        'transition-duration': 250,
      },
    },
    { selector: 'node.api', style: { shape: 'cut-rectangle' } },
    { selector: 'node.observer', style: { 'border-width': 4, 'border-color': color('accent') } },
    {
      selector: states(['starting', 'stopping', 'suspect', 'silent', 'out-of-date']),
      style: { 'border-color': color('warn'), 'background-color': color('warn-paper') },
    },
    {
      selector: states(['dead', 'lost']),
      style: {
        'border-color': color('bad'),
        'border-style': 'dashed',
        'background-color': color('bad-paper'),
        color: color('bad'),
      },
    },
    {
      selector: states(['stopped', 'left', 'unknown']),
      style: { 'border-color': color('soft'), 'border-style': 'dotted', color: color('soft') },
    },
    {
      selector: 'edge',
      style: {
        width: 2,
        'line-color': color('link'),
        'curve-style': 'straight',
        label: 'data(label)',
        'font-family': css.fontFamily,
        'font-size': 11,
        color: color('soft'),
        'text-background-color': color('card'),
        'text-background-opacity': 1,
        'text-background-padding': 3,
        'transition-property': 'line-color width',
        'transition-duration': 200,
      },
    },
    { selector: 'edge.half, edge.suspect', style: { 'line-color': color('warn'), 'line-style': 'dashed' } },
    { selector: 'edge.lost', style: { 'line-color': color('bad'), 'line-style': 'dashed' } },
    { selector: 'edge.left', style: { 'line-color': color('soft'), 'line-style': 'dotted' } },
    { selector: 'edge.unseen', style: { opacity: 0.18 } },
    { selector: 'edge.spread', style: { width: 5, 'line-color': color('accent') } },
  ];
}
