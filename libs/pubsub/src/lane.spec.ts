import { describe, expect, it } from '@jest/globals';
import { type Clock, systemClock } from '@rookery/runtime';
import { Lane } from './lane.js';

let now = 0;
const clock: Clock = { ...systemClock, now: () => now };
const makeLane = (): Lane => new Lane(clock, { maxItems: 2, maxBytes: 100 });

function item(bytes = 1): { bytes: number; run(): Promise<void>; finish(): void } {
  let finish!: () => void;
  const done = new Promise<void>((resolve) => (finish = resolve));
  return { bytes, run: () => done, finish };
}

describe('a lane', () => {
  it('is behind since its oldest item that is not done came, whether that waits or runs', async () => {
    const lane = makeLane();
    const [first, second] = [item(), item()];
    now = 1_000;
    lane.offer({ bytes: 1, run: () => undefined });
    expect(lane.behindSince).toBeUndefined();
    lane.offer(first);
    now = 2_000;
    lane.offer(second);
    now = 9_000;
    expect(lane.behindSince).toBe(1_000);
    first.finish();
    await first.run();
    await Promise.resolve();
    expect(lane.behindSince).toBe(2_000);
    second.finish();
    await second.run();
    await Promise.resolve();
    expect(lane.behindSince).toBeUndefined();
    expect(lane.isIdle).toBe(true);
  });

  it('is behind also while a handler works off what waited, and asks', async () => {
    const lane = makeLane();
    const first = item();
    const seen: (number | undefined)[] = [];
    now = 1_000;
    lane.offer(first);
    for (const since of [2_000, 3_000]) {
      now = since;
      lane.offer({ bytes: 1, run: () => void seen.push(lane.behindSince) });
    }
    now = 9_000;
    first.finish();
    await first.run();
    await Promise.resolve();
    expect(seen).toEqual([2_000, 3_000]);
    expect(lane.behindSince).toBeUndefined();
  });

  it('is full by count and by bytes of what waits', () => {
    const byCount = makeLane();
    for (const each of [item(), item()]) byCount.offer(each);
    expect(byCount.isFull).toBe(false);
    byCount.offer(item());
    expect(byCount.isFull).toBe(true);
    const byBytes = makeLane();
    byBytes.offer(item());
    byBytes.offer(item(100));
    expect(byBytes.isFull).toBe(true);
  });
});
