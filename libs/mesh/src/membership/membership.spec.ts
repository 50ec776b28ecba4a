import { beforeEach, describe, expect, it } from '@jest/globals';
import { silentLogger, systemClock } from '@rookery/runtime';
import { ProtocolError } from '../errors.js';
import { FRAME_HEADER_BYTES } from '../protocol/frame.js';
import { type Hello, readView, type View, type ViewEnded, viewFrame } from '../protocol/list-frames.js';
import { Membership } from './membership.js';
import type { Peer } from './peer.js';

let told: unknown[];
let membership: Membership;
/** How often all that was heard was looked at. */
let looks: { count: number };

beforeEach(() => {
  told = [];
  // Those of earlier tests may come late.
  const own = { count: 0 };
  looks = own;
  const owner = {
    onMember: (status: string) => told.push(status),
    onGap: ({ reason, missed }: { reason: string; missed: number | undefined }) => told.push([reason, missed]),
    onWanted: () => undefined,
    onHeard: () => void own.count++,
    onViewChanged: () => undefined,
    onEnded: () => undefined,
    isOnThisHost: () => false,
    readSince: () => systemClock.now(),
  };
  membership = new Membership(
    { incarnation: '0000000000000000', name: 'me', startedAt: 0 },
    systemClock,
    silentLogger,
    owner,
  );
});

function met(incarnation: string, last: number): Peer {
  const hello = { incarnation, name: incarnation.slice(0, 4), metadata: {}, ageMs: 0 } as unknown as Hello;
  const peer = membership.meet(hello, { host: '10.0.0.1', port: 1 })!;
  peer.last = last;
  peer.hasStarted = true;
  membership.announce(peer);
  told.length = 0;
  return peer;
}

const ended = (incarnation: string, head: number, isLost = false, endedMs = 0): ViewEnded => ({
  incarnation,
  name: 'gone',
  host: '10.0.0.9',
  port: 9,
  isLost,
  head,
  endedMs,
});

const view = (...ends: ViewEnded[]): View => ({ isWhole: false, members: [], gone: [], ended: ends });

describe('two processes at one address', () => {
  const HOST = { host: '10.0.0.9', port: 9 };

  /** Linked, and last heard from at `heardAt`. */
  function linked(incarnation: string, heardAt: number): Peer {
    const hello = { incarnation, name: 'b', metadata: {}, ageMs: 0 } as unknown as Hello;
    const peer = membership.meet(hello, HOST)!;
    peer.link = { hasStarted: true, heardAt, close: () => undefined } as never;
    membership.announce(peer);
    return peer;
  }

  const hearOf = (incarnation: string): void => {
    const member = { incarnation, name: 'b', metadata: {}, ageMs: 0, ...HOST };
    membership.hearsay(met('cccccccccccccccc', 0), { isWhole: false, members: [member], gone: [], ended: [] });
  };

  it('are one after the other: whoever is still heard is there now, so the other one is lost', () => {
    linked('bbbbbbbbbbbbbbbb', Number.POSITIVE_INFINITY);
    hearOf('aaaaaaaaaaaaaaaa');
    told.length = 0;
    membership.judgeAll();
    expect(told).toEqual([['origin-lost', undefined]]);
  });

  it('of which the linked one was not heard since the other is known: its link may be half-open, and proves nothing', () => {
    linked('bbbbbbbbbbbbbbbb', 0);
    hearOf('aaaaaaaaaaaaaaaa');
    told.length = 0;
    membership.judgeAll();
    expect(told).toEqual([]);
  });
});

describe('a goodbye', () => {
  it('before all of it arrived is a gap of what the member says is missing, and then left', () => {
    membership.leave(met('aaaaaaaaaaaaaaaa', 7), 10, 2, 'goodbye');
    expect(told).toEqual([['left-behind', 2], 'left']);
  });

  it('is no gap where everything arrived, or where the rest was for others', () => {
    const peers = [met('aaaaaaaaaaaaaaaa', 10), met('bbbbbbbbbbbbbbbb', 7)];
    for (const peer of peers) membership.leave(peer, 10, 0, 'goodbye');
    expect(told).toEqual(['left', 'left']);
  });

  it('heard from another member is a gap of unknown size, and only once', () => {
    const speaker = met('cccccccccccccccc', 0);
    const { incarnation } = met('aaaaaaaaaaaaaaaa', 7);
    for (let i = 0; i < 2; i++) membership.hearsay(speaker, view(ended(incarnation, 10)));
    expect(told).toEqual([['left-behind', undefined], 'left']);
    const other = met('bbbbbbbbbbbbbbbb', 10);
    membership.hearsay(speaker, view(ended(other.incarnation, 10)));
    expect(told).toEqual(['left']);
  });
});

describe('a goodbye that another member heard of one that is linked here', () => {
  const linked = (peer: Peer): void => void (peer.link = {} as NonNullable<Peer['link']>);

  it('counts once that link is gone: it may bring the rest, and its own goodbye', () => {
    const speaker = met('cccccccccccccccc', 0);
    const [dead, slow] = [met('aaaaaaaaaaaaaaaa', 7), met('bbbbbbbbbbbbbbbb', 7)];
    for (const peer of [dead, slow]) {
      linked(peer);
      membership.hearsay(speaker, view(ended(peer.incarnation, 10)));
    }
    expect(told).toEqual([]);
    slow.last = 10;
    for (const peer of [dead, slow]) {
      peer.link = undefined;
      membership.unlink(peer);
    }
    expect(told).toEqual([['left-behind', undefined], 'left', 'left']);
  });

  it('is nothing against one whose link breaks, if it was no goodbye', () => {
    const speaker = met('cccccccccccccccc', 0);
    const peer = met('aaaaaaaaaaaaaaaa', 7);
    linked(peer);
    membership.hearsay(speaker, view(ended(peer.incarnation, 10, true)));
    peer.link = undefined;
    membership.unlink(peer);
    expect(told).toEqual([]);
  });
});

describe('the end of a member that we never heard of', () => {
  const LONG_AGO_MS = 1e12;

  it('is a gap if it was in our lifetime, told once, without a member event', () => {
    const speaker = met('cccccccccccccccc', 0);
    for (let i = 0; i < 2; i++) membership.hearsay(speaker, view(ended('aaaaaaaaaaaaaaaa', 3)));
    expect(told).toEqual([['left-behind', undefined]]);
    membership.hearsay(speaker, view(ended('bbbbbbbbbbbbbbbb', 0, true)));
    expect(told.slice(1)).toEqual([['origin-lost', undefined]]);
  });

  it('is nothing to us if it was before our time, or if it left without having published', () => {
    const speaker = met('cccccccccccccccc', 0);
    membership.hearsay(speaker, view(ended('aaaaaaaaaaaaaaaa', 3, true, LONG_AGO_MS)));
    membership.hearsay(speaker, view(ended('bbbbbbbbbbbbbbbb', 0)));
    expect(told).toEqual([]);
  });

  it('is no evidence against one that we know, if it did not say goodbye', () => {
    const speaker = met('cccccccccccccccc', 0);
    const { incarnation } = met('aaaaaaaaaaaaaaaa', 7);
    membership.hearsay(speaker, view(ended(incarnation, 0, true)));
    expect(told).toEqual([]);
  });
});

describe('a member that was only heard of', () => {
  it('is as old as the oldest word of it says: others may have come late', () => {
    const speaker = met('cccccccccccccccc', 0);
    const hear = (ageMs: number): void => {
      const about = { incarnation: 'dddddddddddddddd', name: 'd', host: '10.0.0.4', port: 4, metadata: {} };
      membership.hearsay(speaker, { ...view(), members: [{ ...about, ageMs }] });
    };
    const birth = (): number => membership.peers.get('dddddddddddddddd')!.bornAt;
    hear(1_000);
    const first = birth();
    hear(900_000);
    const second = birth();
    hear(2_000);
    expect(second).toBeLessThan(first);
    expect(birth()).toBe(second);
  });
});

describe('hearsay without end', () => {
  const members = (from: number, count: number, metadata = {}): View['members'] =>
    Array.from({ length: count }, (_, i) => ({
      incarnation: (from + i).toString(16).padStart(16, '0'),
      name: 'nobody',
      host: '10.0.0.9',
      port: 9,
      metadata,
      ageMs: 0,
    }));

  it('is looked at in a moment, however many it speaks of', () => {
    const speaker = met('cccccccccccccccc', 0);
    speaker.link = {} as NonNullable<Peer['link']>;
    for (let part = 0; part < 9; part++) {
      membership.hearsay(speaker, { ...view(), members: members(1 + part * 1_000, 1_000) });
    }
    const began = performance.now();
    for (let i = 0; i < 5; i++) membership.judgeAll();
    // Every one was held against all others once: seconds.
    expect(performance.now() - began).toBeLessThan(500);
  });

  it('is looked at once, however many frames came together', async () => {
    const speaker = met('cccccccccccccccc', 0);
    for (let i = 0; i < 1_000; i++) membership.hearsay(speaker, view());
    await new Promise((resolve) => setImmediate(resolve));
    expect(looks.count).toBe(1);
    membership.hearsay(speaker, view());
    await new Promise((resolve) => setImmediate(resolve));
    expect(looks.count).toBe(2);
  });

  it('is remembered of each speaker up to a bound', () => {
    const speaker = met('cccccccccccccccc', 0);
    for (let part = 0; part < 3; part++) {
      membership.hearsay(speaker, { ...view(), members: members(1 + part * 1_000, 1_000) });
    }
    expect(speaker.hears.size).toBe(1_000);
    membership.hearsay(speaker, { ...view(), gone: [...speaker.hears] });
    expect(speaker.hears.size).toBe(0);
  });

  it('with more about a member than it could have said itself is refused', () => {
    const read = (bytes: number): View => {
      const frame = viewFrame({ ...view(), members: members(1, 1, { x: 'x'.repeat(bytes) }) });
      return readView(frame, FRAME_HEADER_BYTES, frame.length);
    };
    expect(read(1_000).members).toHaveLength(1);
    expect(() => read(5_000)).toThrow(ProtocolError);
  });
});
