/** Keeps what is known of some objects up to date: lists them, then watches for what changes, as long as it is needed. */
import type { Clock, Logger, Random } from '@rookery/runtime';
import type { KubernetesClient } from './kubernetes-client.js';
import { KubernetesFailure } from './kubernetes-failure.js';
import type { KubernetesObjects } from './kubernetes-objects.js';
import { nextAttempt } from './kubernetes-retry.js';

/** Objects of one page. */
export const PAGE_LIMIT = 500;
/** Enough for any list that is not too long anyway; a server that always has another page is not believed. */
const MAX_PAGES = 100;
/** How long a server is asked to keep a watch open: so long and up to half as long again, so that nodes do not return in step. */
const WATCH_SECONDS = 240;
/** And by then it has ended it. */
const WATCH_GRACE_MS = 30_000;

/** What a watch needs of its node. */
export interface WatchContext {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** Which objects: the path of their collection, and the labels that they have. */
export interface Collection {
  readonly path: string;
  readonly labelSelector: string;
}

export class KubernetesWatch {
  /** Why the last attempt came to nothing; undefined while all is well. */
  failure: KubernetesFailure | undefined;
  private readonly abort = new AbortController();
  private readonly running: Promise<void>;
  private attempts = 0;
  /** When the watch was opened that is open now. */
  private openedAt: number | undefined;
  /** When what is known was surely up to date for the last time; undefined before the first list. */
  private syncedAt: number | undefined;

  /**
   * Begins at once.
   *
   * @param onChange - called when somebody came or went, when the first list is there, and when the API is watched again.
   * @param onFailure - called when an attempt came to nothing.
   */
  constructor(
    private readonly client: KubernetesClient,
    private readonly collection: Collection,
    private readonly objects: KubernetesObjects,
    private readonly context: WatchContext,
    private readonly onChange: () => void,
    private readonly onFailure: () => void,
  ) {
    this.running = this.run();
  }

  /** Whether anything is known: the objects, or why they are not. */
  get hasOutcome(): boolean {
    return this.attempts > 0 || this.syncedAt !== undefined;
  }

  /** For how long what is known has not been kept up to date, in milliseconds: 0 while it is, infinite before it ever was. */
  get staleMs(): number {
    if (this.syncedAt === undefined) return Infinity;
    return this.openedAt === undefined ? this.context.clock.now() - this.syncedAt : 0;
  }

  /** Ends everything; resolves when nothing runs any more. */
  async stop(): Promise<void> {
    this.abort.abort();
    this.client.destroy();
    await this.running;
  }

  private async run(): Promise<void> {
    const { signal } = this.abort;
    const { clock, random, logger } = this.context;
    let failures = 0;
    while (!signal.aborted) {
      const { failure, openMs } = await this.attempt(signal);
      if (signal.aborted) return;
      const next = nextAttempt({ failure, openMs, failures }, random.next());
      failures = next.failures;
      if (next.listsAgain) this.objects.version = undefined;
      this.attempts++;
      this.failure = failure;
      const what = this.objects.version === undefined ? 'Listing again' : 'Watching again';
      logger.debug(`${what} in ${Math.round(next.delayMs)} ms: ${failure?.message ?? 'the watch has ended'}`);
      if (failure !== undefined) this.onFailure();
      if (next.delayMs > 0) await pause(next.delayMs, clock, signal);
    }
  }

  private async attempt(signal: AbortSignal): Promise<{ failure: KubernetesFailure | undefined; openMs: number }> {
    try {
      if (this.objects.version === undefined) await this.list(signal);
      await this.follow(signal);
      return { failure: undefined, openMs: this.close() };
    } catch (error) {
      return { failure: this.client.redact(KubernetesFailure.of(error)), openMs: this.close() };
    }
  }

  /** The watch is over. @returns how long it was open, in milliseconds. */
  private close(): number {
    if (this.openedAt === undefined) return 0;
    const openedAt = this.openedAt;
    this.openedAt = undefined;
    this.syncedAt = this.context.clock.now();
    return this.syncedAt - openedAt;
  }

  /** Asked without a version, the answer is what is true now, not what some cache has seen. */
  private async list(signal: AbortSignal): Promise<void> {
    const list = this.objects.newList();
    let next: string | undefined;
    for (let page = 1; ; page++) {
      const query = { limit: String(PAGE_LIMIT), ...(next !== undefined && { continue: next }) };
      next = list.add(await this.client.getJson(this.pathOf(query), signal));
      if (next === undefined) break;
      if (page === MAX_PAGES) throw new KubernetesFailure('too-many', `its list has more than ${MAX_PAGES} pages`);
    }
    const isChanged = this.objects.replace(list);
    const isFirst = this.syncedAt === undefined;
    this.syncedAt = this.context.clock.now();
    if (isChanged || isFirst) this.onChange();
  }

  private async follow(signal: AbortSignal): Promise<void> {
    const seconds = Math.round(WATCH_SECONDS * (1 + this.context.random.next() / 2));
    const path = this.pathOf({
      watch: 'true',
      allowWatchBookmarks: 'true',
      resourceVersion: this.objects.version!,
      timeoutSeconds: String(seconds),
    });
    await this.client.stream(
      path,
      seconds * 1_000 + WATCH_GRACE_MS,
      signal,
      () => this.opened(),
      (events) => this.take(events),
    );
  }

  private opened(): void {
    this.openedAt = this.context.clock.now();
    const hadFailed = this.failure !== undefined;
    this.failure = undefined;
    if (hadFailed) this.onChange();
  }

  private take(events: readonly unknown[]): void {
    let isChanged = false;
    try {
      for (const event of events) isChanged = this.objects.apply(event) || isChanged;
    } finally {
      if (isChanged) this.onChange();
    }
  }

  private pathOf(query: Readonly<Record<string, string>>): string {
    const { path, labelSelector } = this.collection;
    return `${path}?${new URLSearchParams({ labelSelector, ...query }).toString()}`;
  }
}

/** Resolves after the delay, and at once when the signal is aborted. */
function pause(delayMs: number, clock: Clock, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const end = (): void => {
      timer.cancel();
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = clock.after(delayMs, end);
    signal.addEventListener('abort', end, { once: true });
  });
}
