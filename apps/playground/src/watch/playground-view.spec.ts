import { describe, expect, it } from '@jest/globals';
import type { Replica } from '../fleet/replica.js';
import type { Observation } from './observation.js';
import { playgroundView, type Watched } from './playground-view.js';

/** A replica whose incarnation is its name and a number; it sees and links the others as told. */
function watched(name: string, sees: Record<string, string> = {}, rest: Partial<Observation> = {}): Watched {
  return {
    replica: { name, app: 'landing', state: 'up', pid: 1, url: 'http://127.0.0.1:1', end: '' },
    incarnation: `${name}#1`,
    observation: {
      incarnation: `${name}#1`,
      members: Object.entries(sees).map(([other, status]) => ({ incarnation: `${other}#1`, name: other, status })),
      links: Object.entries(sees)
        .filter(([, status]) => status === 'up')
        .map(([other]) => ({ incarnation: `${other}#1`, roundTripMs: null })),
      fresh: true,
      reasons: [],
      flags: [],
      calls: [],
      ...rest,
    },
  };
}

function ended(name: string, state: Replica['state'] = 'dead'): Watched {
  const { replica, incarnation } = watched(name);
  return { replica: { ...replica, state, pid: undefined, end: 'killed' }, incarnation, observation: undefined };
}

const flag = (key: string, version: number, enabled = true) => ({ key, version, enabled, description: `v${version}` });
const viewOf = (...all: Watched[]) => playgroundView(all, []);

describe('the edges of the view', () => {
  it('are links where both ends report one', () => {
    const a = watched('a', { b: 'up' }, { links: [{ incarnation: 'b#1', roundTripMs: 0.4321 }] });
    expect(viewOf(a, watched('b', { a: 'up' })).edges).toEqual([
      { from: 'a', to: 'b', kind: 'link', roundTripMs: 0.4 },
    ]);
  });

  it('are half where only one does', () => {
    expect(viewOf(watched('a', { b: 'up' }), watched('b')).edges).toMatchObject([{ kind: 'half' }]);
  });

  it('show whom those that live have lost', () => {
    const { edges, replicas } = viewOf(
      watched('a', { b: 'lost', c: 'up' }),
      ended('b'),
      watched('c', { a: 'up', b: 'suspect' }),
    );
    expect(edges).toMatchObject([
      { from: 'a', to: 'b', kind: 'lost' },
      { from: 'a', to: 'c', kind: 'link' },
      { from: 'b', to: 'c', kind: 'suspect' },
    ]);
    expect(replicas[1]).toMatchObject({ state: 'dead', pid: null, fresh: null, sees: [] });
    expect(replicas[0]?.sees).toEqual([
      { name: 'b', status: 'lost' },
      { name: 'c', status: 'up' },
    ]);
  });

  it('do not hold it against a newcomer that it never heard of one who had ended before', () => {
    const { replicas } = viewOf(watched('a'), ended('b'), watched('c'));
    expect(replicas[0]?.sees).toEqual([{ name: 'c', status: 'unknown' }]);
  });

  it('follow a replica to its next process', () => {
    const again = { ...watched('b', { a: 'up' }), incarnation: 'b#2' };
    const a = watched(
      'a',
      {},
      {
        members: [
          { incarnation: 'b#1', name: 'b', status: 'lost' },
          { incarnation: 'b#2', name: 'b', status: 'up' },
        ],
        links: [{ incarnation: 'b#2', roundTripMs: null }],
      },
    );
    const view = viewOf(a, again);
    expect(view.edges).toMatchObject([{ kind: 'link' }]);
    expect(view.replicas[0]?.sees).toEqual([{ name: 'b', status: 'up' }]);
  });
});

describe('the flags of the view', () => {
  it('have a cell for each replica, and mark those that are not at the newest version', () => {
    const { flags } = viewOf(
      watched('a', {}, { flags: [flag('x', 2)] }),
      watched('b', {}, { flags: [flag('x', 1, false)] }),
      watched('c'),
      ended('d'),
    );
    expect(flags).toEqual([
      {
        key: 'x',
        description: 'v2',
        enabled: true,
        version: 2,
        cells: [
          { replica: 'a', held: { enabled: true, version: 2 }, differs: false },
          { replica: 'b', held: { enabled: false, version: 1 }, differs: true },
          { replica: 'c', held: null, differs: true },
          { replica: 'd', held: null, differs: false },
        ],
      },
    ]);
  });

  it('mark two that hold different things as one version', () => {
    const cells = viewOf(
      watched('a', {}, { flags: [flag('x', 2)] }),
      watched('b', {}, { flags: [flag('x', 2, false)] }),
    ).flags[0]?.cells;
    expect(cells?.map(({ differs }) => differs)).toEqual([false, true]);
  });

  it('are as many as can be shown, and the rest is counted', () => {
    const many = Array.from({ length: 100 }, (_, i) => flag(`f${i}`, 1));
    expect(viewOf(watched('a', {}, { flags: many }))).toMatchObject({ flagsNotShown: 40, flags: { length: 60 } });
  });
});

describe('the calls of the view', () => {
  const call = (id: number) => ({ id, at: id, pattern: 'p', member: 'api-1', tookMs: 1, error: null });

  it('are the newest of each replica', () => {
    const calls = Array.from({ length: 20 }, (_, i) => call(20 - i));
    const [a, b] = viewOf(watched('a', {}, { calls }), watched('b', {}, { calls: [call(1)] })).replicas;
    expect(a?.calls.map(({ id }) => id)).toEqual([20, 19, 18, 17, 16, 15]);
    expect(b?.calls).toEqual([call(1)]);
  });

  it('are not shown of a replica that has ended', () => {
    const { observation } = watched('a', {}, { calls: [call(1)] });
    expect(viewOf({ ...ended('a'), observation }).replicas[0]?.calls).toEqual([]);
  });
});
