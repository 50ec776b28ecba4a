import { describe, expect, it } from '@jest/globals';
import { ActivityLog } from './activity-log.js';
import { MemberNotes } from './member-notes.js';
import type { Observation } from './observation.js';
import { sightings } from './sightings.js';

const member = (incarnation: string, status: string) => ({ incarnation, name: incarnation, status });

function looking(incarnation: string, ...members: Observation['members']): Observation {
  return { incarnation, members, links: [], fresh: true, reasons: [], flags: [], calls: [] };
}

describe('sightings', () => {
  it('are the members that are new or changed', () => {
    const before = looking('a', member('b', 'up'), member('c', 'up'));
    const after = looking('a', member('b', 'up'), member('c', 'lost'), member('d', 'up'));
    expect(sightings(before, after)).toEqual([member('c', 'lost'), member('d', 'up')]);
  });

  it('are none at the first look at a process', () => {
    expect(sightings(undefined, looking('a', member('b', 'up')))).toEqual([]);
    expect(sightings(looking('a'), looking('a2', member('b', 'up')))).toEqual([]);
  });
});

describe('MemberNotes', () => {
  const titles = (log: ActivityLog) => log.entries().map(({ title, detail }) => `${title}, ${detail}`);

  it('makes one entry of what several replicas see at about the same time', () => {
    const log = new ActivityLog();
    const notes = new MemberNotes(log);
    notes.saw('a', member('c', 'lost'), 0);
    notes.saw('b', member('c', 'lost'), 250);
    notes.saw('b', member('c', 'lost'), 300);
    expect(titles(log)).toEqual(['c is lost, seen by a, b']);
    notes.saw('b', member('c', 'up'), 400);
    notes.saw('d', member('c', 'lost'), 60_000);
    expect(titles(log)).toEqual(['c is lost, seen by d', 'c is up, seen by b', 'c is lost, seen by a, b']);
  });

  it('adds those that find it so to an entry, and makes none for them', () => {
    const log = new ActivityLog();
    const notes = new MemberNotes(log);
    expect(notes.sees('a', member('c', 'up'), 0)).toBe(false);
    expect(log.entries()).toEqual([]);
    notes.saw('b', member('c', 'up'), 0);
    expect(notes.sees('a', member('c', 'up'), 10)).toBe(true);
    expect(titles(log)).toEqual(['c is up, seen by a, b']);
  });
});

describe('ActivityLog', () => {
  it('forgets the oldest', () => {
    const log = new ActivityLog();
    for (let i = 0; i < 500; i++) log.add({ tone: 'plain', title: String(i), detail: '' });
    expect(log.entries()).toHaveLength(80);
    expect(log.entries()[0]).toMatchObject({ title: '499', id: 500 });
    log.replace(1, { tone: 'bad', title: 'gone', detail: '' });
    log.replace(500, { tone: 'bad', title: 'newest', detail: '' });
    expect(log.entries()[0]).toMatchObject({ title: 'newest', id: 500 });
    expect(log.entries().some(({ title }) => title === 'gone')).toBe(false);
  });
});
