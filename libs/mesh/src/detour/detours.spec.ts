import { beforeEach, describe, expect, it } from '@jest/globals';
import { silentLogger, systemRandom } from '@rookery/runtime';
import { ManualClock } from '@rookery/testing';
import { Inbox } from '../delivery/inbox.js';
import { Heartbeats } from '../link/heartbeats.js';
import type { Link } from '../link/link.js';
import { PublicationLog } from '../log/publication-log.js';
import { Membership } from '../membership/membership.js';
import type { FirstContact, Peer } from '../membership/peer.js';
import type { MeshSink } from '../mesh-sink.js';
import { startFrame } from '../protocol/control-frames.js';
import { FRAME_HEADER_BYTES, FRAME_PONG, FRAME_PUBLICATION, FRAME_START } from '../protocol/frame.js';
import type { Hello } from '../protocol/list-frames.js';
import { forEachFrame, readRelay, relayPrefix } from '../protocol/relay-frame.js';
import { Detours } from './detours.js';

const SELF = '1111111111111111';

/** A bound link, as far as detours know links. */
class FakeLink {
  readonly hello = { maxFrameBytes: 1 << 20 };
  isClosed = false;
  mayCarry = true;
  isStuck = false;
  awaitedSeq = 0;
  awaitedSince = 0;
  provingPing = 0;
  pingId = 0;
  roundTripMs: number | undefined = 1;
  /** To whom, from which number on, and the types of the frames. */
  readonly carried: [string, number, ...number[]][] = [];
  constructor(readonly peer: Peer) {}

  carry(frame: Buffer): void {
    const { to, start, framesStart } = readRelay(frame, FRAME_HEADER_BYTES, frame.length);
    const types: number[] = [];
    forEachFrame(frame, framesStart, frame.length, (type) => types.push(type) > 0);
    this.carried.push([to, start, ...types]);
  }

  get publications(): [string, number][] {
    return this.carried.filter(([, , type]) => type === FRAME_PUBLICATION).map(([to, start]) => [to, start]);
  }
}

class Setting {
  readonly clock = new ManualClock();
  readonly bound = new Set<Link>();
  readonly pinged: Peer[] = [];
  readonly log = new PublicationLog({
    windowBytes: 1 << 20,
    windowMs: 1e6,
    keptBytes: 0,
    keptMs: 1e6,
    maxFrameBytes: 1 << 20,
    maxDirected: 100,
  });
  readonly membership = new Membership({ incarnation: SELF, name: 'me', startedAt: 0 }, this.clock, silentLogger, {
    onMember: () => undefined,
    onGap: () => undefined,
    onWanted: () => undefined,
    onHeard: () => undefined,
    onViewChanged: () => undefined,
    onEnded: () => undefined,
    isOnThisHost: () => false,
    readSince: () => 0,
  });
  contact: FirstContact = { seq: 1, missed: undefined };
  readonly detours: Detours;

  constructor() {
    const { bound, log, clock, membership } = this;
    const heartbeats = new Heartbeats(clock, systemRandom, 1_000, {
      boundLinks: () => bound,
      get head() {
        return log.head;
      },
      onTick: () => this.detours.reconsider(),
    });
    const sink = { onPublication: () => undefined } as unknown as MeshSink;
    const inbox = new Inbox(sink, heartbeats, clock, {
      get head() {
        return log.head;
      },
      onAcknowledged: (peer) => this.detours.noteAcknowledged(peer),
      onReached: (peer) => membership.announce(peer),
    });
    this.detours = new Detours(clock, silentLogger, log, membership, inbox, {
      incarnation: SELF,
      bound,
      intervalMs: 1_000,
      heartbeatFor: (peer) => heartbeats.unsolicited(peer),
      firstContact: () => this.contact,
      ping: (link) => {
        link.pingId++;
        this.pinged.push(link.peer!);
      },
    });
    heartbeats.start();
  }

  meet(digit: string): Peer {
    const hello = { incarnation: digit.repeat(16), name: digit, metadata: {}, ageMs: 0 } as unknown as Hello;
    const peer = this.membership.meet(hello, { host: digit, port: 1 })!;
    peer.maxFrameBytes = 1 << 20;
    this.membership.announce(peer);
    return peer;
  }

  /** Binds a link to a peer that hears the others. */
  link(digit: string, ...hears: string[]): FakeLink {
    const peer = this.meet(digit);
    const link = new FakeLink(peer);
    peer.link = link as unknown as Link;
    for (const each of hears) peer.hears.add(each.repeat(16));
    this.bound.add(peer.link);
    return link;
  }

  publish(): void {
    this.log.append(Buffer.from('t'), 1, 0, 0, this.clock.now());
    this.detours.pump();
  }

  /** What a carrier brings us. */
  bring(via: FakeLink, from: string, start: number, ...frames: Buffer[]): void {
    const all = Buffer.concat(frames);
    const bytes = Buffer.concat([relayPrefix(SELF, from, start, all.length), all]);
    this.detours.onRelay(via as unknown as Link, via.peer, bytes, FRAME_HEADER_BYTES, bytes.length);
  }
}

let setting: Setting;
beforeEach(() => {
  setting = new Setting();
});

const A = 'a'.repeat(16);

describe('a link on which nothing is acknowledged', () => {
  let stuck: FakeLink;
  let other: FakeLink;
  beforeEach(() => {
    stuck = setting.link('a', 'b');
    other = setting.link('b', 'a');
    setting.publish();
    stuck.awaitedSeq = 1;
    setting.detours.watchLinks();
  });

  it('is gone around after 300 ms, and has to prove itself with one PING at a time', () => {
    setting.clock.advanceNow(299);
    expect(other.carried).toEqual([]);
    setting.clock.advanceNow(1);
    expect(stuck.isStuck).toBe(true);
    expect(other.carried).toEqual([
      [A, 1, FRAME_PONG, FRAME_START],
      [A, 1, FRAME_PUBLICATION],
    ]);
    setting.clock.advanceNow(5_000);
    expect(setting.pinged).toEqual([stuck.peer]);
    expect(setting.detours.viaOf(stuck.peer)).toBe(other.peer);
  });

  it('takes over once it is not stuck any more', () => {
    setting.clock.advanceNow(300);
    stuck.isStuck = false;
    setting.detours.reconsider();
    expect([...setting.detours.peers]).toEqual([]);
    setting.publish();
    expect(other.publications).toHaveLength(1);
  });

  it('is slow and not stuck while more and more is acknowledged, or the way is long', () => {
    setting.clock.advanceNow(200);
    stuck.awaitedSince = 200;
    setting.clock.advanceNow(250);
    expect(stuck.isStuck).toBe(false);
    stuck.roundTripMs = 200;
    stuck.awaitedSince = 450;
    setting.clock.advanceNow(700);
    expect(stuck.isStuck).toBe(false);
    setting.clock.advanceNow(100);
    expect(stuck.isStuck).toBe(true);
  });
});

describe('a peer without a link', () => {
  it('is reached through the quickest of those that hear it, by no other, and not at all where nobody does', () => {
    const peer = setting.meet('a');
    const [slow, quick, deaf] = [setting.link('b', 'a'), setting.link('c', 'a'), setting.link('d')];
    slow.roundTripMs = 9;
    setting.publish();
    setting.detours.reconsider();
    expect(quick.publications).toEqual([[A, 1]]);
    expect([...slow.carried, ...deaf.carried]).toEqual([]);
    quick.peer.hears.clear();
    slow.peer.hears.clear();
    setting.detours.reconsider();
    expect([...setting.detours.peers]).toEqual([]);
    expect(setting.detours.answer(peer, startFrame(1))).toBe(false);
  });

  it('that was linked, and had not acknowledged anything, begins where it began on the link', () => {
    setting.meet('a');
    setting.contact = { seq: 3, missed: undefined };
    for (let i = 0; i < 4; i++) setting.publish();
    const via = setting.link('b', 'a');
    setting.detours.reconsider();
    expect(via.publications).toEqual([[A, 3]]);
  });

  it('is left alone while it is about to be linked anew, or was only heard of and not dialled yet', () => {
    const via = setting.link('b', 'a', 'c');
    const relinking = setting.meet('a');
    relinking.isRelinking = true;
    const heardOf = setting.meet('c');
    heardOf.isAnnounced = false;
    heardOf.setStatus('heard-of');
    setting.detours.reconsider();
    expect(via.carried).toEqual([]);
    heardOf.failedDials = 2;
    setting.detours.reconsider();
    expect(via.carried).toEqual([]);
    // Where many start at once, a link may take its time.
    setting.clock.advanceNow(15_000);
    setting.detours.reconsider();
    expect(via.carried.map(([to]) => to)).toEqual(['c'.repeat(16)]);
  });

  it('is reached another way when the first one drops what it should carry', () => {
    setting.meet('a');
    const [first, second] = [setting.link('b', 'a'), setting.link('c', 'a')];
    setting.publish();
    setting.detours.reconsider();
    expect([first.publications, second.publications]).toEqual([[[A, 1]], []]);
    setting.clock.advanceNow(600);
    expect(second.publications).toEqual([[A, 1]]);
  });

  it('is reached another way when nothing is said and only the heartbeats are dropped', () => {
    setting.meet('a');
    const [first, second] = [setting.link('b', 'a'), setting.link('c', 'a')];
    setting.detours.reconsider();
    setting.clock.advanceNow(1_500);
    expect(first.carried.length).toBeGreaterThan(0);
    expect(second.carried).toEqual([]);
    setting.clock.advanceNow(1_000);
    // Well within the time that the other end may be without a proof.
    expect(second.carried).toEqual([[A, 1, FRAME_PONG, FRAME_START]]);
  });
});

describe('what was brought', () => {
  it('is acknowledged the way it came, once for all of it, within 20 ms', () => {
    setting.meet('a');
    const via = setting.link('b');
    setting.bring(via, A, 1, startFrame(1));
    setting.bring(via, A, 1);
    setting.clock.advanceNow(19);
    expect(via.carried).toEqual([]);
    setting.clock.advanceNow(1);
    expect(via.carried).toEqual([[A, 0, FRAME_PONG]]);
    setting.clock.advanceNow(1_000);
    expect(via.carried).toHaveLength(1);
  });

  it('is not acknowledged to one that is gone, or of whom nobody knows', () => {
    const via = setting.link('b');
    const gone = setting.meet('a');
    setting.membership.lose(gone, 'test');
    setting.bring(via, A, 1, startFrame(1));
    setting.bring(via, 'c'.repeat(16), 1, startFrame(1));
    setting.clock.advanceNow(100);
    expect(via.carried).toEqual([]);
    expect(gone.status).toBe('lost');
  });

  it('from more than the carrier takes answers for is acknowledged as far as it does', () => {
    const via = setting.link('b');
    for (let i = 0; i < 3_000; i++) {
      const incarnation = i.toString(16).padStart(16, '0');
      const hello = { incarnation, name: 'n', metadata: {}, ageMs: 0 } as unknown as Hello;
      setting.membership.meet(hello, { host: 'n', port: 1 });
      setting.bring(via, incarnation, 1);
    }
    const carry = via.carry.bind(via);
    via.carry = (frame) => {
      carry(frame);
      via.mayCarry = via.carried.length < 10;
    };
    setting.clock.advanceNow(20);
    expect(via.carried).toHaveLength(10);
    via.mayCarry = true;
    // Who got none says it again.
    setting.clock.advanceNow(200);
    expect(via.carried).toHaveLength(10);
  });
});

describe('detours that are closed', () => {
  it('send nothing more', () => {
    setting.meet('a');
    const via = setting.link('b', 'a');
    setting.bring(via, A, 1, startFrame(1));
    setting.detours.close();
    setting.publish();
    setting.clock.advanceNow(10_000);
    expect(via.carried).toEqual([]);
  });
});
