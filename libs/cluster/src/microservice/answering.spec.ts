import { Logger } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { RpcException } from '@nestjs/microservices';
import type { Reply } from '@rookery/rpc';
import { concat, EMPTY, from, NEVER, Observable, of, Subject, throwError } from 'rxjs';
import { answer, answerError } from './answering.js';

/** Notes what is answered; a reader that takes so many values at a time. */
class RecordedReply implements Reply {
  readonly sent: unknown[] = [];
  isOpen = true;
  private readonly aborts: (() => void)[] = [];
  private readonly writers: (() => void)[] = [];

  constructor(private credit = Number.POSITIVE_INFINITY) {}

  next(value: unknown): boolean {
    this.sent.push(['next', value]);
    return --this.credit > 0;
  }

  writable(): Promise<void> {
    return this.isOpen && this.credit <= 0 ? new Promise((resolve) => this.writers.push(resolve)) : Promise.resolve();
  }

  complete(value: unknown): void {
    this.end(['complete', value]);
  }

  end(how: unknown = ['end']): void {
    this.sent.push(how);
    this.isOpen = false;
  }

  fail(payload: unknown): void {
    this.end(['fail', payload]);
  }

  onAbort(fn: () => void): void {
    this.aborts.push(fn);
  }

  grant(values: number): void {
    this.credit += values;
    for (const write of this.writers.splice(0)) write();
  }

  abort(): void {
    this.isOpen = false;
    for (const fn of this.aborts) fn();
    for (const write of this.writers.splice(0)) write();
  }
}

/** All that promises have to do. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function answered(result: unknown, reply = new RecordedReply()): { reply: RecordedReply; done: jest.Mock } {
  const done = jest.fn();
  answer(result, reply, done);
  return { reply, done };
}

beforeEach(() => {
  jest.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
});
afterEach(() => {
  jest.restoreAllMocks();
});

describe('a value', () => {
  it.each([[1], [undefined], [null], [[1, 2]], ['text']])('is the answer and its end: %j', (value) => {
    const { reply, done } = answered(value);
    expect(reply.sent).toEqual([['complete', value]]);
    expect(done).toHaveBeenCalledTimes(1);
  });
});

describe('an Observable', () => {
  it('has its last value of a turn travel with its end', () => {
    expect(answered(of(1)).reply.sent).toEqual([['complete', 1]]);
    expect(answered(from([1, 2, 3])).reply.sent).toEqual([
      ['next', 1],
      ['next', 2],
      ['complete', 3],
    ]);
    expect(answered(EMPTY).reply.sent).toEqual([['end']]);
  });

  it('has no value wait longer than its turn', async () => {
    const source = new Subject<number>();
    const { reply, done } = answered(source);
    source.next(1);
    expect(reply.sent).toEqual([]);
    await settled();
    expect(reply.sent).toEqual([['next', 1]]);
    source.complete();
    expect(reply.sent).toEqual([['next', 1], ['end']]);
    expect(done).toHaveBeenCalledTimes(1);
  });

  it('fails after its values, with what it failed with', () => {
    const { reply, done } = answered(
      concat(
        of(1),
        throwError(() => ({ code: 'E1' })),
      ),
    );
    expect(reply.sent).toEqual([
      ['next', 1],
      ['fail', { code: 'E1' }],
    ]);
    expect(done).toHaveBeenCalledTimes(1);
  });

  it('is unsubscribed when nobody waits any more, and not begun when nobody did', () => {
    const ended = jest.fn();
    const endless = new Observable(() => ended);
    const { reply, done } = answered(endless);
    reply.abort();
    expect(ended).toHaveBeenCalledTimes(1);
    expect(done).toHaveBeenCalledTimes(1);

    const late = new RecordedReply();
    late.abort();
    expect(answered(endless, late).done).toHaveBeenCalledTimes(1);
    expect(ended).toHaveBeenCalledTimes(1);
    expect(answered(NEVER).done).not.toHaveBeenCalled();
  });

  it('is left in the middle of a turn, when its values are no longer taken', () => {
    const reply = new RecordedReply();
    const next = jest.spyOn(reply, 'next').mockImplementation(() => {
      reply.isOpen = next.mock.calls.length < 3;
      return false;
    });
    const emitted = jest.fn();
    const source = new Observable<number>((subscriber) => {
      for (let i = 0; !subscriber.closed; i++) {
        emitted();
        subscriber.next(i);
      }
    });
    answered(source, reply);
    expect(emitted.mock.calls.length).toBeLessThan(10);
  });
});

describe('an async iterable', () => {
  async function* numbers(count: number, ended = jest.fn()): AsyncGenerator<number> {
    try {
      for (let i = 0; i < count; i++) yield await Promise.resolve(i);
    } finally {
      ended();
    }
  }

  it('is sent value by value', async () => {
    const { reply, done } = answered(numbers(2));
    await settled();
    expect(reply.sent).toEqual([['next', 0], ['next', 1], ['end']]);
    expect(done).toHaveBeenCalledTimes(1);
  });

  it('is asked for more only when the reader has taken what it was sent', async () => {
    const { reply } = answered(numbers(1_000), new RecordedReply(2));
    await settled();
    expect(reply.sent).toHaveLength(2);
    reply.grant(3);
    await settled();
    expect(reply.sent).toHaveLength(5);
  });

  it('is ended when nobody reads it any more, also while it waits for the reader', async () => {
    const ended = jest.fn();
    const { reply, done } = answered(numbers(1_000, ended), new RecordedReply(1));
    await settled();
    reply.abort();
    await settled();
    expect(ended).toHaveBeenCalledTimes(1);
    expect(done).toHaveBeenCalledTimes(1);
    expect(reply.sent).toHaveLength(1);
  });

  it('may come out of an Observable, as interceptors make it', async () => {
    const { reply, done } = answered(of(numbers(2)));
    expect(done).not.toHaveBeenCalled();
    await settled();
    expect(reply.sent).toEqual([['next', 0], ['next', 1], ['end']]);
    expect(done).toHaveBeenCalledTimes(1);
  });

  it('that fails is answered as Nest answers errors', async () => {
    const failing = (error: Error): AsyncIterable<never> => ({
      [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(error) }),
    });
    const known = answered(failing(new RpcException('known')));
    const unknown = answered(failing(new Error('secret')));
    await settled();
    expect(known.reply.sent).toEqual([['fail', { status: 'error', message: 'known' }]]);
    expect(unknown.reply.sent).toEqual([['fail', { status: 'error', message: 'Internal server error' }]]);
  });
});

it('answers an error that no filter has seen as Nest does', () => {
  const reply = new RecordedReply();
  answerError(new RpcException({ code: 'E2' }), reply);
  expect(reply.sent).toEqual([['fail', { code: 'E2' }]]);
});
