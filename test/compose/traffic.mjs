/** What goes on all the while: somebody changes a flag, and visitors load pages. */
import { Agent } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { send } from './http.mjs';

const CHANGE_EVERY_MS = 50;
const LOAD_EVERY_MS = 20;

/** Changes one flag again and again, through one api after the other. */
export class Flipper {
  #key;
  #running;
  #isStopped = true;
  #turn = 0;
  /** Addresses of the apis. May be replaced at any time. */
  apis = [];
  changes = 0;
  failures = [];
  slowestMs = 0;
  /** Changes that some replica had not handled when they were answered. */
  unconfirmed = 0;
  /** The flag as the last change left it. */
  last;

  constructor(key) {
    this.#key = key;
  }

  start() {
    this.#isStopped = false;
    this.#running = this.#run();
  }

  async stop() {
    this.#isStopped = true;
    await this.#running;
  }

  /** One change; resolves to the answer. */
  async flip() {
    const api = this.apis[this.#turn++ % this.apis.length];
    const beganAt = performance.now();
    const body = JSON.stringify({ enabled: !(this.last?.enabled ?? false) });
    const { status, text } = await send(api, `/flags/${this.#key}`, { method: 'PUT', body });
    if (status !== 200 && status !== 201) throw new Error(`${api} answered ${status}: ${text.slice(0, 200)}`);
    const answer = JSON.parse(text);
    this.changes++;
    this.slowestMs = Math.max(this.slowestMs, performance.now() - beganAt);
    if (answer.live.failed.length + answer.live.pending.length > 0) this.unconfirmed++;
    this.last = answer.flag;
    return answer;
  }

  async #run() {
    while (!this.#isStopped) {
      await this.flip().catch((error) => this.failures.push(error.message));
      await pause(CHANGE_EVERY_MS);
    }
  }
}

/**
 * A visitor of one replica, who loads the page again and again: on one connection, or on a new one each time. Turns away
 * when the replica asks for that, as load balancers do when they see a replica drain.
 */
export class Visitor {
  #address;
  #key;
  #agent;
  #running;
  #isStopped = false;
  pages = 0;
  failures = [];
  /** Whether the replica asked it to go. */
  wasSentAway = false;

  constructor(address, key, { keepsConnection }) {
    this.#address = address;
    this.#key = key;
    this.#agent = keepsConnection ? new Agent({ keepAlive: true, maxSockets: 1 }) : undefined;
    this.#running = this.#run();
  }

  async stop() {
    this.#isStopped = true;
    await this.#running;
  }

  async #run() {
    let newest = 0;
    while (!this.#isStopped && !this.wasSentAway) {
      try {
        const { status, text, isLast } = await send(this.#address, '/', { agent: this.#agent });
        const shown = flagOnPage(text, this.#key);
        if (status !== 200) this.failures.push(`${this.#address} answered ${status}`);
        else if (shown.version < newest) this.failures.push(`went back from version ${newest} to ${shown.version}`);
        else this.pages++;
        newest = Math.max(newest, shown.version);
        this.wasSentAway = isLast;
      } catch (error) {
        this.failures.push(`${this.#address}: ${error.message}`);
      }
      await pause(LOAD_EVERY_MS);
    }
    this.#agent?.destroy();
  }
}

/** The flag as a page lists it; version 0 when it is not there. */
export function flagOnPage(html, key) {
  const row = new RegExp(`<th scope="row">(?:<a [^>]*>)?${key}[^]*?</th><td>(on|off)</td><td>(\\d+)</td>`).exec(html);
  return { enabled: row?.[1] === 'on', version: Number(row?.[2] ?? 0) };
}
