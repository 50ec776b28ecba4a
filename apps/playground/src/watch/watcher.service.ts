/**
 * Looks at the replicas over HTTP, as anybody could, and tells open pages what changed. It is no member of the cluster
 * itself: it would appear in everybody's view.
 */
import { type BeforeApplicationShutdown, Injectable, type MessageEvent, type OnModuleInit } from '@nestjs/common';
import { type Clock, systemClock, type Timer } from '@rookery/runtime';
import { concat, defer, finalize, of, Subject, type Observable } from 'rxjs';
import { Fleet } from '../fleet/fleet.service.js';
import { isRunning, type Replica } from '../fleet/replica.js';
import { requestJson } from '../json-request.js';
import { ActivityLog } from './activity-log.js';
import { MemberNotes } from './member-notes.js';
import { describeReplica } from './notes.js';
import { type Observation, readObservation } from './observation.js';
import { pollDelayMs } from './pace.js';
import { type PlaygroundView, playgroundView, type Watched } from './playground-view.js';
import { sightings } from './sightings.js';

/** Pages kept current at once; further ones are told to come again. */
export const MAX_PAGES = 20;

const TIMEOUT_MS = 1_000;
/** Changes within this time of each other are sent together. */
const COALESCE_MS = 20;
/** Something is sent at least this often, so that a page notices when nobody is there any more. */
const HEARTBEAT_MS = 10_000;

/** What is remembered of one replica. */
interface Watch {
  incarnation: string | undefined;
  observation: Observation | undefined;
  /** Whether an answer is awaited: a replica that is slow to answer is not asked twice at once. */
  isAsked: boolean;
  /** Whether something happened since it was asked, so that its answer may be too old. */
  askAgain: boolean;
}

@Injectable()
export class Watcher implements OnModuleInit, BeforeApplicationShutdown {
  readonly #clock: Clock = systemClock;
  readonly #messages = new Subject<MessageEvent>();
  readonly #watches = new Map<string, Watch>();
  readonly #notes: MemberNotes;
  #pages = 0;
  #shown = '';
  #sentAt = 0;
  #polledAt = 0;
  #actedAt: number;
  #polling: Timer | undefined;
  #sending: Timer | undefined;

  constructor(
    private readonly fleet: Fleet,
    private readonly log: ActivityLog,
  ) {
    this.#notes = new MemberNotes(log);
    this.#actedAt = this.#clock.now();
  }

  onModuleInit(): void {
    this.fleet.events.subscribe((event) => {
      const note = describeReplica(event);
      if (note !== undefined) this.log.add(note);
      if (!isRunning(event.replica)) this.#forget(event.replica.name);
      this.expectChange();
    });
    this.#poll();
  }

  beforeApplicationShutdown(): void {
    this.#polling?.cancel();
    this.#sending?.cancel();
    this.#messages.complete();
  }

  /** Somebody did something: look at once, and closely for a while. */
  expectChange(): void {
    this.#actedAt = this.#clock.now();
    for (const watch of this.#watches.values()) watch.askAgain = watch.isAsked;
    this.#poll();
    this.#changed();
  }

  /** Somebody is interested: look closely for a while. */
  attend(): void {
    const now = this.#clock.now();
    this.#actedAt = now;
    if (now - this.#polledAt > pollDelayMs(this.#pages, 0)) this.#poll();
  }

  view(): PlaygroundView {
    return playgroundView(this.#watched(), this.log.entries());
  }

  /** What one open page is told: everything at first and whenever something changed. Undefined when there are too many. */
  stream(): Observable<MessageEvent> | undefined {
    if (this.#pages >= MAX_PAGES) return undefined;
    return defer(() => {
      this.#pages++;
      this.#poll();
      return concat(of({ data: JSON.stringify(this.view()) }), this.#messages).pipe(finalize(() => this.#pages--));
    });
  }

  #poll(): void {
    this.#polling?.cancel();
    this.#polledAt = this.#clock.now();
    for (const replica of this.fleet.replicas()) {
      if (replica.state === 'up' || replica.state === 'stopping') void this.#look(replica);
    }
    if (this.#clock.now() - this.#sentAt > HEARTBEAT_MS) this.#send();
    const delay = pollDelayMs(this.#pages, this.#clock.now() - this.#actedAt);
    this.#polling = this.#clock.after(delay, () => this.#poll());
  }

  async #look({ name, app, pid, url }: Replica): Promise<void> {
    const watch = this.#watch(name);
    if (watch.isAsked || url === undefined) return;
    watch.isAsked = true;
    const observation = await observe(url, app === 'landing');
    watch.isAsked = false;
    const now = this.fleet.replicas().find((replica) => replica.name === name);
    if (now === undefined || now.pid !== pid) return; // It has ended meanwhile.
    if (observation !== undefined) {
      this.#note(name, watch.observation, observation);
      watch.incarnation = observation.incarnation;
    }
    watch.observation = observation;
    this.#changed();
    if (!watch.askAgain) return;
    watch.askAgain = false;
    void this.#look(now);
  }

  #note(observer: string, before: Observation | undefined, after: Observation): void {
    const now = this.#clock.now();
    for (const member of sightings(before, after)) this.#notes.saw(observer, member, now);
    if (before === undefined) for (const member of after.members) this.#notes.sees(observer, member, now);
  }

  #forget(name: string): void {
    this.#watch(name).observation = undefined;
  }

  #watch(name: string): Watch {
    let watch = this.#watches.get(name);
    if (watch === undefined) {
      watch = { incarnation: undefined, observation: undefined, isAsked: false, askAgain: false };
      this.#watches.set(name, watch);
    }
    return watch;
  }

  #watched(): Watched[] {
    return this.fleet.replicas().map((replica) => ({ replica, ...this.#watch(replica.name) }));
  }

  #changed(): void {
    if (this.#pages === 0) return;
    this.#sending ??= this.#clock.after(COALESCE_MS, () => {
      this.#sending = undefined;
      if (JSON.stringify(this.view()) !== this.#shown) this.#send();
    });
  }

  #send(): void {
    this.#sentAt = this.#clock.now();
    this.#shown = JSON.stringify(this.view());
    this.#messages.next({ data: this.#shown });
  }
}

/** Undefined when it does not answer as it should. */
async function observe(url: string, makesCalls: boolean): Promise<Observation | undefined> {
  try {
    const ask = (path: string) => requestJson(`${url}/${path}`, { timeoutMs: TIMEOUT_MS });
    return readObservation(
      ...(await Promise.all([ask('cluster'), ask('flags'), makesCalls ? ask('calls') : undefined])),
    );
  } catch {
    return undefined; // It is busy, ending, or gone: what became of its process is told by the fleet.
  }
}
