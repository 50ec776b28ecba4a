import { describe, expect, it } from '@jest/globals';
import { type Clock, silentLogger } from '@rookery/runtime';
import { PublicationLog } from '../log/publication-log.js';
import { Outbox } from './outbox.js';

const WINDOW_BYTES = 1 << 20;
const TOPIC = Buffer.from('t');

/** A publisher whose turn goes on for as long as the test wants: nothing that waits for its end or for a poll happens before. */
function publisherInOneTurn(): {
  log: PublicationLog;
  outbox: Outbox;
  publish: () => void;
  work: (ms: number) => void;
  end: () => void;
  poll: () => void;
} {
  let now = 1_000;
  const afterPoll: (() => void)[] = [];
  let endOfTurn = (): void => undefined;
  const clock: Clock = {
    now: () => now,
    wallNow: () => Date.UTC(2030, 0, 1) + Math.floor(now),
    after: () => ({ cancel: () => undefined }),
    afterPoll: (fn) => {
      afterPoll.push(fn);
      return { cancel: () => undefined };
    },
    endOfTurn: (fn) => void (endOfTurn = fn),
  };
  const log = new PublicationLog({
    windowBytes: WINDOW_BYTES,
    windowMs: 300_000,
    keptBytes: WINDOW_BYTES,
    keptMs: 300_000,
    maxFrameBytes: 64 * 1024,
    maxDirected: 1_000,
  });
  const outbox = new Outbox(log, WINDOW_BYTES, 'self', clock, silentLogger, {
    boundLinks: () => [],
    pumpDetours: () => undefined,
    hasSubscriptions: false,
    deliverLocally: () => undefined,
    onLocalGap: () => undefined,
  });
  return {
    log,
    outbox,
    publish: () => void outbox.publish(TOPIC, null, 0),
    work: (ms) => void (now += ms),
    end: () => endOfTurn(),
    poll: () => {
      for (const fn of afterPoll.splice(0)) fn();
    },
  };
}

describe('a turn that goes on for long', () => {
  it('dates what was published in it by its end: whoever started meanwhile is sent all that came since', () => {
    const { log, publish, work, end } = publisherInOneTurn();
    publish();
    end();
    work(100);
    publish();
    work(14_000);
    for (let i = 0; i < 1_000; i++) publish();
    end();
    // A newcomer that began in the middle: the first turn was before it, of the second one nobody knows.
    expect(log.startSince(13_000, 15_100)).toEqual({ seq: 2, isComplete: true });
  });

  it('is interrupted by writable() every 50 ms, so that the network has its turn', async () => {
    const { outbox, publish, work, poll } = publisherInOneTurn();
    publish();
    work(49);
    publish();
    await outbox.writable();

    work(1);
    publish();
    let isWritable = false;
    const waiting = outbox.writable().then(() => (isWritable = true));
    await Promise.resolve();
    expect(isWritable).toBe(false);
    poll();
    await waiting;
  });
});
