/** Keeps the page current: every message of the stream is the whole view, and every part shows what concerns it. */
import { showActivity } from './activity.js';
import { showCalls } from './calls.js';
import { setText } from './dom.js';
import { showFlags } from './flags.js';
import { showGraph } from './graph.js';
import { showReplicas } from './replicas.js';
import { showSummary } from './summary.js';

/** The playground sends something at least every ten seconds. */
const SILENCE_MS = 25_000;

const connection = document.getElementById('connection');
let silence;
let stream;

connect();

function connect() {
  stream?.close();
  stream = new EventSource('live');
  stream.addEventListener('message', ({ data }) => {
    heard();
    show(JSON.parse(data));
  });
  stream.addEventListener('error', () => say('The playground does not answer. Has it ended? Start it with: npm start'));
  heard();
}

function heard() {
  say('');
  clearTimeout(silence);
  silence = setTimeout(() => {
    say('Nothing was heard from the playground for a while; connecting anew.');
    connect();
  }, SILENCE_MS);
}

function show(view) {
  for (const part of [showSummary, showGraph, showReplicas, showFlags, showActivity, showCalls]) part(view);
}

function say(text) {
  connection.hidden = text === '';
  setText(connection, text);
}
