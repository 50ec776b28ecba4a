/**
 * Keeps open pages current: whenever a part of the page would come out differently, it is rendered once and sent to
 * every page. What depends on flags is the same for all visitors, so a thousand pages cost one rendering.
 */
import {
  type BeforeApplicationShutdown,
  Inject,
  Injectable,
  Logger,
  type MessageEvent,
  type OnModuleInit,
} from '@nestjs/common';
import { describeError, FeatureFlagsService } from '@rookery/feature-flags';
import type { Clock, Timer } from '@rookery/runtime';
import { Cluster } from 'rookery';
import { concat, defer, finalize, type Observable, of, Subject, type Subscription } from 'rxjs';
import { CLOCK } from '../clock.token.js';
import { pageState } from '../pages/page-state.js';
import { PARTIALS, type PartialName, Templates } from '../pages/templates.js';
import { LiveStreamsFullError } from './live-streams-full.error.js';

/** Open pages this replica keeps current. Further ones are refused and stay as they were rendered; they ask again. */
export const MAX_LIVE_STREAMS = 1_000;

/** Changes within this time of each other are sent together. */
const COALESCE_MS = 50;
/** How often to look whether the freshness ran out, which nothing announces. */
const POLL_MS = 1_000;
/** Proxies drop a connection that is silent for long, often after 30 or 60 seconds. */
const HEARTBEAT_EVERY_POLLS = 15;

@Injectable()
export class LiveUpdates implements OnModuleInit, BeforeApplicationShutdown {
  readonly #logger = new Logger(LiveUpdates.name);
  readonly #messages = new Subject<MessageEvent>();
  readonly #shown = new Map<PartialName, string>();
  #revision = 0;
  #streams = 0;
  #polls = 0;
  #polling: Timer | undefined;
  #coalescing: Timer | undefined;
  #changes: Subscription | undefined;

  constructor(
    private readonly flags: FeatureFlagsService,
    private readonly cluster: Cluster,
    private readonly templates: Templates,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** Streams that are open. */
  get size(): number {
    return this.#streams;
  }

  /** The stream of one page: the current state of every part first, whatever the page saw before, then what changes. */
  stream(): Observable<MessageEvent> {
    return defer(() => {
      if (this.#streams >= MAX_LIVE_STREAMS) throw new LiveStreamsFullError(MAX_LIVE_STREAMS);
      if (this.#streams++ === 0) this.#poll();
      else this.#refresh();
      return concat(of(this.#message(this.#shown.values())), this.#messages).pipe(finalize(() => this.#closed()));
    });
  }

  onModuleInit(): void {
    this.#changes = this.flags.changes.subscribe(() => this.#changed());
  }

  /** An open stream would keep the HTTP server from ending; the page connects again, to a replica that stays. */
  beforeApplicationShutdown(): void {
    this.#changes?.unsubscribe();
    this.#messages.complete();
    this.#polling?.cancel();
    this.#coalescing?.cancel();
  }

  #closed(): void {
    if (--this.#streams === 0) this.#polling?.cancel();
  }

  /** The first change is sent at once, those that follow closely wait and go together. */
  #changed(): void {
    if (this.#coalescing !== undefined || this.#streams === 0) return;
    this.#refresh();
    this.#coalescing = this.clock.after(COALESCE_MS, () => {
      this.#coalescing = undefined;
      this.#refresh();
    });
  }

  #poll(): void {
    this.#refresh();
    if (++this.#polls % HEARTBEAT_EVERY_POLLS === 0) this.#messages.next({ comment: 'still here' });
    this.#polling = this.clock.after(POLL_MS, () => this.#poll());
  }

  /** Sends every part that would come out differently from what the pages show. */
  #refresh(): void {
    const changed: string[] = [];
    try {
      const state = pageState(this.flags, this.cluster.self.name);
      for (const name of PARTIALS) {
        const html = this.templates.partial(name, state);
        if (html === this.#shown.get(name)) continue;
        this.#shown.set(name, html);
        changed.push(html);
      }
    } catch (error) {
      this.#logger.error(`The open pages could not be brought up to date: ${describeError(error)}`);
    }
    if (changed.length === 0) return;
    this.#revision++;
    this.#messages.next(this.#message(changed));
  }

  #message(partials: Iterable<string>): MessageEvent {
    // Without a type: htmx swaps unnamed messages, and only announces named ones.
    return { id: String(this.#revision), data: [...partials].join('\n') };
  }
}
