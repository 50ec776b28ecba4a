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
  private readonly clock: Clock = { ...systemClock, now: () => this.now };
  readonly peer = new Peer('00000000000000aa', { name: 'p', address: { host: 'h', port: 1 }, metadata: {} }, 0, 0, 0);
  private readonly link = {
    peer: this.peer,
    send: () => undefined,
    noteAcknowledged: () => undefined,
    notePong: () => undefined,
  } as unknown as Link;
  private readonly heartbeats = new Heartbeats(this.clock, systemRandom, 1_000, {
    boundLinks: () => new Set([this.link]),
    head: 0,
    onTick: () => undefined,
  });
  private readonly inbox = new Inbox({} as MeshSink, this.heartbeats, this.clock, {
    head: 0,
    onAcknowledged: () => undefined,
    onReached: () => undefined,
  });

  constructor() {
    this.peer.setStatus('up');
  }

  /** The mark that a heartbeat of ours has, sent at that time. */
  sayAt(time: number): number {
    this.now = time;
    return this.heartbeats.stamps.say(time);
  }

  /** A heartbeat is read at that time. */
  hearAt(time: number, beat: { type?: number; echo: number; head?: number }): void {
    this.now = time;
    const { type = FRAME_PING, echo, head = 0 } = beat;
    const rest = { id: 1, ack: 0, nextMs: 1_000, stamp: 7 };
    this.inbox.onHeartbeat(this.link, this.peer, type, { ...rest, echo, head });
  }

  isFreshAt(time: number): boolean {
    const facts = {
      startedAt: 0,
      leftAt: undefined,
      unanswered: [],
      unusable: [],
      unproven: [],
      slowestHandler: undefined,
    };
    return judgeFreshness({ ...facts, peers: [this.peer] }, time).fresh;
  }
}

describe('the proof of a heartbeat', () => {
  it.each([FRAME_PING, FRAME_PONG])('of type %i counts from what it echoes, however late it arrives', (type) => {
    const setting = new Setting();
    const echo = setting.sayAt(5_000);
    setting.hearAt(9_000, { type, echo });
    expect(setting.peer.freshAt).toBe(5_000);
    expect(setting.peer.stamp).toBe(7);
  });

  it('that lay in the socket while this process stood still is as old as the standstill', () => {
    const setting = new Setting();
    const echo = setting.sayAt(5_000);
    setting.hearAt(65_000, { echo });
    // Who sent it may have given us up since, and published what we do not have.
    expect(setting.isFreshAt(65_000)).toBe(false);
    setting.hearAt(65_100, { echo: setting.sayAt(65_050) });
    expect(setting.isFreshAt(65_100)).toBe(true);
  });

  it('is none without an echo, or with one of a mark that was never made', () => {
    const setting = new Setting();
    const echo = setting.sayAt(5_000);
    for (const wrong of [0, echo + 1]) setting.hearAt(9_000, { type: FRAME_PONG, echo: wrong });
    expect(setting.peer.freshAt).toBe(0);
  });

  it('is none while what it speaks of has not arrived', () => {
    const setting = new Setting();
    setting.hearAt(9_000, { echo: setting.sayAt(5_000), head: 3 });
    expect(setting.peer.freshAt).toBe(0);
    setting.peer.last = 3;
    setting.peer.proveFreshness();
    expect(setting.peer.freshAt).toBe(5_000);
  });
});
