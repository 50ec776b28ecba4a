import { describe, expect, it } from '@jest/globals';
import type { Member } from '@rookery/mesh';
import { systemClock } from '@rookery/runtime';
import type { EventContext } from './event-context.js';
import { Lane } from './lane.js';
import { type Dropped, MAX_DROPPED_SENDERS, Subscription } from './subscription.js';

const member = (incarnation: string, status: Member['status'] = 'up'): Member => ({
  name: 'a',
  incarnation,
  status,
  address: { host: '127.0.0.1', port: 1 },
  metadata: {},
});
const from = (sender: Member): EventContext => ({
  topic: 't',
  from: sender,
  seq: 1,
  publishedAt: 0,
  local: false,
  replayed: false,
});

/** A subscription whose handler is held at its first event, with a queue for one. */
function held(): { subscription: Subscription; dropped: Promise<readonly Dropped[]>; release: () => void } {
  let release!: () => void;
  const gate = new Promise<void>((resolve) => (release = resolve));
  let told!: (dropped: readonly Dropped[]) => void;
  const dropped = new Promise<readonly Dropped[]>((resolve) => (told = resolve));
  const lane = new Lane(systemClock, { maxItems: 1, maxBytes: 100 });
  const subscription = new Subscription('t', lane, 't', undefined, () => gate, {
    onHandlerError: () => undefined,
    onOverflow: (_subscription, each) => void told(each),
  });
  for (let i = 0; i < 2; i++) subscription.deliver(i, from(member('first')), 1, undefined);
  return { subscription, dropped, release: () => release() };
}

describe('a queue that overflows', () => {
  it('counts once for each sender, however often that one is linked anew', async () => {
    const { subscription, dropped, release } = held();
    for (let i = 0; i < 100; i++) {
      subscription.deliver(i, from(member('a', i % 2 === 0 ? 'up' : 'suspect')), 1, undefined);
      subscription.deliver(i, from(member('b')), 1, undefined);
    }
    release();
    expect((await dropped).map(({ from: { incarnation, status }, missed }) => [incarnation, status, missed])).toEqual([
      ['a', 'suspect', 100],
      ['b', 'up', 100],
    ]);
  });

  it('has one place with an unknown count for the oldest senders when there are too many', async () => {
    const { subscription, dropped, release } = held();
    const senders = Array.from({ length: MAX_DROPPED_SENDERS + 5 }, (_, i) => `sender ${i}`);
    for (const sender of senders) subscription.deliver(0, from(member(sender)), 1, undefined);
    release();
    const told = (await dropped).map(({ from: { incarnation }, missed }) => [incarnation, missed]);
    expect(told).toEqual([['sender 5', undefined], ...senders.slice(6).map((sender) => [sender, 1])]);
    expect(told).toHaveLength(MAX_DROPPED_SENDERS);
  });
});
