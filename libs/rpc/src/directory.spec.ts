import { describe, expect, it } from '@jest/globals';
import { CallLane, type Member } from '@rookery/mesh';
import { systemClock } from '@rookery/runtime';
import type { Route } from './call.js';
import { Directory, type Server } from './directory.js';

interface Made {
  readonly lane: CallLane;
  isStuck: boolean;
}

function made(name: string, metadata: Member['metadata'] = {}): Made {
  const incarnation = Buffer.from(name.padEnd(8)).toString('hex');
  const member: Member = { name, incarnation, status: 'up', address: { host: '127.0.0.1', port: 1 }, metadata };
  const made = { isStuck: false } as Made & { lane: CallLane };
  made.lane = new CallLane({
    clock: systemClock,
    maxFrameBytes: 65_536,
    member: () => member,
    isStuck: () => made.isStuck,
    write: () => undefined,
  });
  return made;
}

const serves = (added: readonly string[], isDraining = false) => ({ added, removed: [], isDraining, isLast: true });

/** `self` and the others serve `?p`. */
function directoryOf(...others: readonly Made[]): { directory: Directory; self: Made } {
  const self = made('self');
  const directory = new Directory(self.lane);
  for (const { lane } of [self, ...others]) directory.apply(lane, serves(['?p']));
  return { directory, self };
}

function name(choice: Server | string): string {
  return typeof choice === 'string' ? choice : choice.lane.member.name;
}

function chosen(directory: Directory, route: Route = {}, tried?: readonly Server[]): string {
  return name(directory.choose('?p', route, tried));
}

describe('whom to ask', () => {
  it('is the one with the fewest calls in flight', () => {
    const [a, b] = [made('a'), made('b')];
    const { directory, self } = directoryOf(a, b);
    for (const { lane } of [self, a]) directory.server(lane)!.inFlight = 3;
    directory.server(b.lane)!.inFlight = 2;
    for (let i = 0; i < 5; i++) expect(chosen(directory)).toBe('b');
  });

  it('is each in turn where they are equal', () => {
    const { directory } = directoryOf(made('a'), made('b'));
    const names = Array.from({ length: 6 }, () => chosen(directory));
    expect(names.slice(0, 3).sort()).toEqual(['a', 'b', 'self']);
    expect(names.slice(3)).toEqual(names.slice(0, 3));
  });

  it('is this node itself when that is preferred, however much it has to do', () => {
    const { directory, self } = directoryOf(made('a'));
    directory.server(self.lane)!.inFlight = 1_000;
    expect(chosen(directory, { prefer: 'local' })).toBe('self');
    directory.apply(self.lane, { added: [], removed: ['?p'], isDraining: false, isLast: true });
    expect(chosen(directory, { prefer: 'local' })).toBe('a');
  });

  it('is the same for a key, however busy, and another one when that is gone', () => {
    const members = ['a', 'b', 'c'].map((each) => made(each));
    const { directory } = directoryOf(...members);
    const route = { key: 'customer-7' };
    const first = chosen(directory, route);
    const owner = [...directory.servers].find((server) => name(server) === first)!;
    owner.inFlight = 50;
    expect(chosen(directory, route)).toBe(first);
    directory.remove(owner.lane);
    const second = chosen(directory, route);
    expect(second).not.toBe(first);
    expect(chosen(directory, route)).toBe(second);
  });

  it('has the name, the incarnation or the metadata that is asked for', () => {
    const eu = made('a', { zone: 'eu', tier: 1 });
    const us = made('b', { zone: 'us' });
    const { directory } = directoryOf(eu, us);
    expect(chosen(directory, { to: 'b' })).toBe('b');
    expect(chosen(directory, { to: eu.lane.member.incarnation })).toBe('a');
    expect(chosen(directory, { to: us.lane.member })).toBe('b');
    expect(chosen(directory, { where: { zone: 'eu', tier: 1 } })).toBe('a');
    expect(chosen(directory, { where: { zone: 'eu', tier: 2 } })).toBe('none');
    expect(chosen(directory, { to: 'c' })).toBe('none');
  });

  it('is nobody that is about to leave, was tried, or serves it no more', () => {
    const a = made('a');
    const { directory, self } = directoryOf(a);
    directory.apply(a.lane, serves([], true));
    for (let i = 0; i < 3; i++) expect(chosen(directory)).toBe('self');
    expect(chosen(directory, {}, [directory.server(self.lane)!])).toBe('draining');
    directory.remove(self.lane);
    expect(chosen(directory)).toBe('draining');
    directory.remove(a.lane);
    expect(chosen(directory)).toBe('none');
    expect(directory.keys).toEqual([]);
  });

  it('is one whose link seems stuck only if there is nobody else', () => {
    const a = made('a');
    const { directory, self } = directoryOf(a);
    a.isStuck = true;
    for (let i = 0; i < 3; i++) expect(chosen(directory)).toBe('self');
    directory.remove(self.lane);
    expect(chosen(directory)).toBe('a');
  });
});
