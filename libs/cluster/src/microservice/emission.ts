/** What `emit` gives back: hot, so all may be over by the time somebody subscribes. */
import { describeError } from '@rookery/runtime';
import { AsyncSubject, Observable } from 'rxjs';
import { nestLogger } from '../nest-logger.js';

/** One event on its way, and what becomes of it. */
export class Emission {
  private readonly outcome = new AsyncSubject<undefined>();
  private isHeard = false;

  /** Completes when the event is out, or fails, for whoever subscribes and whenever. */
  readonly result = new Observable<undefined>((subscriber) => {
    this.isHeard = true;
    return this.outcome.subscribe(subscriber);
  });

  succeed(): void {
    this.outcome.next(undefined);
    this.outcome.complete();
  }

  /**
   * @param reason what subscribers get. If there is none by the end of the turn, the event would be lost without a word: it is
   * logged then.
   */
  fail(reason: unknown, error: unknown = reason): void {
    this.outcome.error(reason);
    queueMicrotask(() => {
      if (!this.isHeard) nestLogger().error('An event was not emitted.', { error: describeError(error) });
    });
  }
}
