import { beforeEach, describe, expect, it } from '@jest/globals';
import { silentLogger, systemClock } from '@rookery/runtime';
import type { Hello } from '../protocol/list-frames.js';
import { Membership } from './membership.js';
import type { Peer } from './peer.js';

let told: unknown[];
let membership: Membership;

beforeEach(() => {
  told = [];
  const owner = {
    onMember: (status: string) => told.push(status),
    onGap: ({ reason, missed }: { reason: string; missed: number | undefined }) => told.push([reason, missed]),
    onWanted: () => undefined,
    onHeard: () => undefined,
    onViewChanged: () => undefined,
    onLeaver: () => undefined,
    isOnThisHost: () => false,
  };
  membership = new Membership(
    { incarnation: '0000000000000000', name: 'me', startedAt: 0 },
    systemClock,
    silentLogger,
    owner,
  );
});

function met(incarnation: string, last: number): Peer {
  const hello = { incarnation, name: incarnation.slice(0, 4), metadata: {} } as unknown as Hello;
  const peer = membership.meet(hello, { host: '10.0.0.1', port: 1 })!;
  peer.last = last;
  peer.hasStarted = true;
  membership.announce(peer);
  told.length = 0;
  return peer;
}

const view = (left: readonly { incarnation: string; head: number }[]) => ({
  version: 1,
  isWhole: false,
  members: [],
  gone: [],
  left,
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
    for (let i = 0; i < 2; i++) membership.hearsay(speaker, view([{ incarnation, head: 10 }]));
    expect(told).toEqual([['left-behind', undefined], 'left']);
    const other = met('bbbbbbbbbbbbbbbb', 10);
    membership.hearsay(speaker, view([{ incarnation: other.incarnation, head: 10 }]));
    expect(told).toEqual(['left']);
  });
});
