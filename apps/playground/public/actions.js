/** What a person can do here: every action is one request to the playground, and says so when it is refused. */
import { make } from './dom.js';

const SHOWN_MS = 6000;
const MAX_SHOWN = 3;

export const start = (name) => send('POST', `replicas/${encodeURIComponent(name)}/start`);
export const stop = (name) => send('POST', `replicas/${encodeURIComponent(name)}/stop`);
export const kill = (name) => send('POST', `replicas/${encodeURIComponent(name)}/kill`);
export const add = (app) => send('POST', 'replicas', { app });
export const createFlag = (key, flag) => send('POST', `flags/${encodeURIComponent(key)}`, flag);
export const putFlag = (key, change) => send('PUT', `flags/${encodeURIComponent(key)}`, change);

/** Resolves with whether it was done. */
async function send(method, path, body = {}) {
  try {
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(path, { method, headers, body: JSON.stringify(body) });
    if (response.ok) return true;
    const { message } = await response.json();
    complain(String(message));
  } catch (error) {
    complain(`The playground did not answer: ${error.message}`);
  }
  return false;
}

export function complain(text) {
  const toasts = document.getElementById('toasts');
  const toast = make('p', { class: 'toast' }, text);
  toasts.append(toast);
  while (toasts.children.length > MAX_SHOWN) toasts.firstElementChild.remove();
  setTimeout(() => toast.remove(), SHOWN_MS);
}
