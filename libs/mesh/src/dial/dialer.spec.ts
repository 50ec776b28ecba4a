import { describe, expect, it } from '@jest/globals';
import { type Clock, type Random, systemClock } from '@rookery/runtime';
import { ManualClock } from '@rookery/testing';
import type { DialFailure, Transport } from '../transport/transport.js';
import { Dialer, type DialerOwner } from './dialer.js';

const MANY = 48;

/** Addresses of which none answers, by the ports that were dialled, in that order. */
function dialerOfMany(
  given: {
    clock?: Clock;
    yieldsUntil?: () => number;
    isStranger?: (port: number) => boolean;
    isObsolete?: (port: number) => boolean;
  } = {},
): {
  dialer: Dialer;
  dialled: number[];
  failOldest: (kind?: DialFailure['kind']) => void;
} {
  let now = 1;
  const clock: Clock = given.clock ?? { ...systemClock, now: () => now++, after: () => ({ cancel: () => undefined }) };
  const dialled: number[] = [];
  const pending: ((failure: DialFailure) => void)[] = [];
  const transport: Transport = {
    listen: () => Promise.reject(new Error('not asked for')),
    dial: ({ port }, _onConnection, onFailure) => {
      dialled.push(port);
      pending.push(onFailure);
      return { cancel: () => undefined };
    },
  };
  const owner: DialerOwner = {
    beforeReconcile: () => undefined,
    onDialling: () => undefined,
    suspectTimeoutMs: () => undefined,
    yieldsUntil: given.yieldsUntil ?? ((): number => 0),
    wants: () => true,
    isStranger: ({ address }) => given.isStranger?.(address.port) === true,
    isObsolete: ({ address }) => given.isObsolete?.(address.port) === true,
    onConnection: () => undefined,
    onDialFailed: () => undefined,
  };
  // No back-off at all: every address is due again as soon as it has failed.
  const random: Random = { next: () => 0, bytes: (length) => Buffer.alloc(length) };
  const dialer = new Dialer(transport, clock, random, owner);
  for (let port = 1; port <= MANY; port++) dialer.target({ host: '10.0.0.1', port });
  return { dialer, dialled, failOldest: (kind = 'timeout') => pending.shift()!({ kind, message: 'no answer' }) };
}

describe('a dialer', () => {
  it('dials 16 addresses at once', () => {
    const { dialer, dialled } = dialerOfMany();
    dialer.reconcile();
    dialer.reconcile();
    expect(dialled).toHaveLength(16);
  });

  it('leaves the first dial to the other end for as long as it yields, and asks again then', () => {
    const clock = new ManualClock();
    let until = 2_000;
    const { dialer, dialled } = dialerOfMany({ clock, yieldsUntil: () => until });
    dialer.reconcile();
    clock.advanceNow(1_999);
    until = 3_000;
    clock.advanceNow(1_000);
    expect(dialled).toEqual([]);
    clock.advanceNow(1);
    expect(dialled).toHaveLength(16);
  });

  it('gives every address its turn, however many never answer', () => {
    const { dialer, dialled, failOldest } = dialerOfMany();
    dialer.reconcile();
    for (let i = 0; i < 2 * MANY - 16; i++) failOldest();
    for (const round of [dialled.slice(0, MANY), dialled.slice(MANY)]) expect(new Set(round).size).toBe(MANY);
  });

  it('keeps room for members, who go first, where all others never answer', () => {
    const members = new Set<number>();
    const { dialer, dialled, failOldest } = dialerOfMany({ isStranger: (port) => !members.has(port) });
    dialer.reconcile();
    expect(dialled).toHaveLength(12);
    members.add(MANY);
    dialer.reconcile();
    expect(dialled.slice(12)).toEqual([MANY]);
    members.add(MANY - 1);
    failOldest();
    expect(dialled.slice(13)).toEqual([MANY - 1, 13]);
  });

  it.each(['reset', 'silent'] as const)(
    'takes an address whose member was %s for a minute for that of a stranger',
    (kind) => {
      const clock = new ManualClock();
      const { dialer, dialled, failOldest } = dialerOfMany({ clock });
      dialer.reconcile();
      for (let i = 0; i < 21 * MANY; i++) failOldest(kind);
      expect(dialled).toHaveLength(21 * MANY);
      clock.advanceNow(4_999);
      expect(dialled).toHaveLength(21 * MANY);
      clock.advanceNow(1);
      expect(dialled).toHaveLength(21 * MANY + 16);
    },
  );

  it('spares an address that comes and goes, although there are too many to keep it meanwhile', () => {
    const clock = new ManualClock();
    const gone = new Set<number>();
    const { dialer, dialled, failOldest } = dialerOfMany({ clock, isObsolete: (port) => gone.has(port) });
    const all = 2_100;
    for (let port = MANY + 1; port <= all; port++) dialer.target({ host: '10.0.0.1', port });
    const dialsOfTheFirst = (): number => {
      for (let i = 0; i < all; i++) {
        failOldest();
        clock.advanceNow(1);
      }
      return dialled.filter((port) => port === 1).length;
    };
    dialer.reconcile();
    failOldest('foreign');
    gone.add(1);
    dialer.reconcile();
    expect([...dialer].some(({ address }) => address.port === 1)).toBe(false);
    gone.delete(1);
    dialer.target({ host: '10.0.0.1', port: 1 });
    expect(dialsOfTheFirst()).toBe(1);
    clock.advanceNow(5_000);
    expect(dialsOfTheFirst()).toBeGreaterThan(1);
  });
});
