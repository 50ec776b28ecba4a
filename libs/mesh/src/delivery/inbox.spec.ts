import { describe, expect, it } from '@jest/globals';
import { type Clock, systemClock, systemRandom } from '@rookery/runtime';
import { judgeFreshness } from '../freshness.js';
import { Heartbeats } from '../link/heartbeats.js';
import type { Link } from '../link/link.js';
import { Peer } from '../membership/peer.js';
import type { MeshSink } from '../mesh-sink.js';
import { FRAME_PING, FRAME_PONG } from '../protocol/frame.js';
import { Inbox } from './inbox.js';

/** One linked peer, seen through heartbeats alone, on a clock that the test moves. */
class Setting {
  now = 0;
  /** What waits for the end of a poll, and what waits for its time. */
  private polls: (() => void)[] = [];
  private timers: { at: number; fn: () => void }[] = [];
  private readonly clock: Clock = {
    ...systemClock,
    now: () => this.now,
    after: (delayMs, fn) => {
      this.timers.push({ at: this.now + delayMs, fn });
      return { cancel: () => undefined };
    },
    afterPoll: (fn) => {
      this.polls.push(fn);
      return { cancel: () => undefined };
    },
  };
  readonly peer = new Peer('00000000000000aa', { name: 'p', address: { host: 'h', port: 1 }, metadata: {} }, 0, 0, 0);
  readonly link = {
    peer: this.peer,
    isDialled: false,
    heardAt: 0,
    sentAt: 0,
    pingId: 0,
    pingSentAt: 0,
    send: () => undefined,
    close: () => undefined,
    noteAcknowledged: () => undefined,
    notePong: () => undefined,
  } as unknown as Link;
  private readonly heartbeats = new Heartbeats(this.clock, systemRandom, 1_000, {
    boundLinks: () => new Set([this.link]),
    head: 0,
    viewVersion: 0,
    onTick: () => undefined,
  });
  private readonly inbox = new Inbox({} as MeshSink, this.heartbeats, this.clock, {
    head: 0,
    onAcknowledged: () => undefined,
  });

  constructor() {
    this.peer.setStatus('up');
    this.heartbeats.start();
  }

  /** A heartbeat that is read now. */
  hear(type: typeof FRAME_PING | typeof FRAME_PONG, id: number): void {
    this.link.heardAt = this.now;
    this.inbox.onHeartbeat(this.link, this.peer, type, { id, head: 0, ack: 0, nextMs: 1_000, viewVersion: 0 });
  }

  /** The loop turns until that time, every timer in its time. */
  run(until: number): void {
    for (;;) {
      const next = this.timers.sort((a, b) => a.at - b.at)[0];
      if (next === undefined || next.at > until) break;
      this.timers.shift();
      this.now = Math.max(this.now, next.at);
      next.fn();
      for (const poll of this.polls.splice(0)) poll();
    }
    this.now = until;
  }

  /** A timer that is long due fires first; the sockets are read after it, as the loop of Node does. */
  thawAt(time: number, read: () => void): void {
    this.now = time;
    this.timers.shift()!.fn();
    read();
    for (const poll of this.polls.splice(0)) poll();
  }

  ping(): void {
    this.heartbeats.ping(this.link);
  }

  get isFresh(): boolean {
    return judgeFreshness(
      { startedAt: 0, leftAt: undefined, unanswered: [], peers: [this.peer], unproven: [], slowestHandler: undefined },
      this.now,
    ).fresh;
  }
}

describe('the proof of a heartbeat', () => {
  it('counts from its arrival, give or take the time between two looks at the sockets', () => {
    const setting = new Setting();
    setting.run(5_000);
    setting.hear(FRAME_PING, 1);
    expect(setting.peer.freshAt).toBeGreaterThanOrEqual(4_750);
    expect(setting.peer.freshAt).toBeLessThanOrEqual(5_000);
  });

  it('of one that lay in the socket while this process stood still is as old as the standstill', () => {
    const setting = new Setting();
    setting.run(5_000);
    setting.hear(FRAME_PING, 1);
    setting.thawAt(65_000, () => setting.hear(FRAME_PING, 2));
    // Who sent it may have given us up since, and published what we do not have.
    expect(setting.isFresh).toBe(false);
    expect(setting.peer.freshAt).toBeLessThanOrEqual(5_000);
  });

  it('is good again with the first heartbeat that comes after a standstill', () => {
    const setting = new Setting();
    setting.run(5_000);
    setting.thawAt(65_000, () => setting.hear(FRAME_PING, 1));
    setting.run(65_100);
    setting.hear(FRAME_PING, 2);
    expect(setting.isFresh).toBe(true);
  });

  it('of an answer counts from the question, however long it was on its way', () => {
    const setting = new Setting();
    setting.run(5_000);
    setting.ping();
    setting.run(7_500);
    setting.hear(FRAME_PONG, setting.link.pingId);
    expect(setting.peer.freshAt).toBe(5_000);
  });
});
