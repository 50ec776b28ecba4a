import { describe, expect, it } from '@jest/globals';
import { HandshakeSlots } from './handshake-slots.js';

/** Enters so many; tells how many have begun. */
function crowd(
  slots: HandshakeSlots,
  count: number,
): { begun: number[]; leave: ReturnType<HandshakeSlots['enter']>[] } {
  const begun: number[] = [];
  const leave = Array.from({ length: count }, (_, i) => slots.enter(() => begun.push(i)));
  return { begun, leave };
}

describe('handshake slots', () => {
  it('let few begin, and one more with each success', () => {
    const { begun, leave } = crowd(new HandshakeSlots(), 10);
    expect(begun).toEqual([0, 1, 2, 3]);
    leave[0]!('done');
    expect(begun).toEqual([0, 1, 2, 3, 4, 5]);
    leave[0]!('done');
    expect(begun).toHaveLength(6);
  });

  it('let half as many run when one took too long, two at the least', () => {
    const { begun, leave } = crowd(new HandshakeSlots(), 10);
    for (let i = 0; i < 3; i++) leave[i]!('late');
    expect(begun).toEqual([0, 1, 2, 3, 4]);
    leave[3]!('failed');
    expect(begun).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it('forget one that is not wanted any more while it waits', () => {
    const { begun, leave } = crowd(new HandshakeSlots(), 6);
    leave[4]!('failed');
    leave[0]!('failed');
    expect(begun).toEqual([0, 1, 2, 3, 5]);
  });

  it('let one that is urgent go before all that wait', () => {
    const slots = new HandshakeSlots();
    const { begun, leave } = crowd(slots, 10);
    const forgotten = slots.enter(() => begun.push(98), true);
    slots.enter(() => begun.push(99), true);
    forgotten('failed');
    leave[0]!('slow');
    leave[1]!('slow');
    expect(begun).toEqual([0, 1, 2, 3, 99, 4]);
  });
});
