/** Gives what a handler returned to whoever asked: a value, an Observable, or an async iterable. */
import { type ArgumentsHost } from '@nestjs/common';
import { BaseRpcExceptionFilter } from '@nestjs/microservices';
import { isAsyncIterable, pull, type Reply } from '@rookery/rpc';
import { isObservable, type Observable, takeWhile } from 'rxjs';

/** Nest's own last resort: what it makes of an error that no filter caught, and what it logs. */
const lastResort = new BaseRpcExceptionFilter();

/**
 * Answers with the result of a handler.
 * @param done called once, when nothing of it runs any more
 */
export function answer(result: unknown, reply: Reply, done: () => void): void {
  if (isObservable(result)) {
    // Nobody listens any more: it is not even begun.
    if (reply.isOpen) new ObservableAnswer(reply, done).follow(result);
    else done();
  } else if (isAsyncIterable(result)) {
    void pull(result, reply, (error) => answerError(error, reply)).then(done);
  } else {
    reply.complete(result);
    done();
  }
}

/** Answers with an error that Nest's filters have not seen. */
export function answerError(error: unknown, reply: Reply): void {
  lastResort
    .catch(error, undefined as unknown as ArgumentsHost)
    .subscribe({ error: (payload: unknown) => reply.fail(payload) });
}

/** Sends what an Observable emits. The last value of one turn is held back, so that it may travel with the end. */
class ObservableAnswer {
  private held: unknown;
  private isHolding = false;
  private isPulling = false;
  private isDone = false;

  constructor(
    private readonly reply: Reply,
    private readonly done: () => void,
  ) {}

  follow(source: Observable<unknown>): void {
    // Even a source that emits all of its values in one turn must end when nobody takes them.
    const subscription = source.pipe(takeWhile(() => this.reply.isOpen)).subscribe(this);
    this.reply.onAbort(() => {
      subscription.unsubscribe();
      if (!this.isPulling) this.finish();
    });
  }

  next(value: unknown): void {
    // An interceptor makes an Observable of everything, of an async iterable too.
    if (isAsyncIterable(value)) return this.pull(value);
    if (this.isHolding) {
      this.reply.next(this.held);
    } else {
      this.isHolding = true;
      queueMicrotask(() => this.release());
    }
    this.held = value;
  }

  error(payload: unknown): void {
    this.release();
    this.reply.fail(payload);
    this.finish();
  }

  complete(): void {
    if (this.isPulling) return;
    if (this.isHolding) {
      this.isHolding = false;
      this.reply.complete(this.held);
    } else {
      this.reply.end();
    }
    this.finish();
  }

  private pull(iterable: AsyncIterable<unknown>): void {
    this.isPulling = true;
    const { reply } = this;
    void pull(iterable, reply, (error) => answerError(error, reply)).then(() => this.finish());
  }

  private release(): void {
    if (!this.isHolding) return;
    this.isHolding = false;
    this.reply.next(this.held);
    this.held = undefined;
  }

  private finish(): void {
    if (this.isDone) return;
    this.isDone = true;
    this.done();
  }
}
