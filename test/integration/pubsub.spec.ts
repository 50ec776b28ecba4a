/** What users rely on when they publish and subscribe, over real links. */
import { afterEach, describe, expect, it } from '@jest/globals';
import { closeAll, freePort, makeNode, pair, record, startNode, until } from './support.js';

afterEach(() => closeAll());

describe('an event', () => {
  it('reaches every node once and in order, the own one included, with its context', async () => {
    const [a, b] = await pair();
    const atA: unknown[] = [];
    const atB: unknown[] = [];
    a.subscribe('flag.*', (payload, { topic, from, seq, local }) => atA.push([payload, topic, from.name, seq, local]));
    b.subscribe('flag.changed', (payload, context) => {
      atB.push([payload, context.topic, context.from.name, context.seq, context.local]);
      expect(context.from).toBe(b.members()[0]);
      expect(Math.abs(context.publishedAt - Date.now())).toBeLessThan(60_000);
    });
    const seqs = [1, 2, 3].map((n) => a.publish('flag.changed', { n }));
    expect(seqs).toEqual([1, 2, 3]);
    // Asynchronous for the own subscribers, too.
    expect(atA).toEqual([]);
    await until(() => atA.length === 3 && atB.length === 3, 'three events on both');
    expect(atB).toEqual([1, 2, 3].map((n) => [{ n }, 'flag.changed', 'a', n, false]));
    expect(atA).toEqual([1, 2, 3].map((n) => [{ n }, 'flag.changed', 'a', n, true]));
  });

  it('is a copy for every handler, taken when it was published', async () => {
    const [a, b] = await pair();
    const seen: unknown[] = [];
    const spoil = (payload: { list: number[] }): void => {
      seen.push(structuredClone(payload));
      payload.list.push(99);
    };
    b.subscribe('t', spoil as never);
    b.subscribe('t', spoil as never);
    a.subscribe('t', spoil as never);
    const payload = { list: [1] };
    a.publish('t', payload);
    payload.list.push(2);
    await until(() => seen.length === 3, 'three handlers');
    expect(seen).toEqual([{ list: [1] }, { list: [1] }, { list: [1] }]);
  });

  it('reaches one member only with publishTo, and takes its place in the order', async () => {
    const [a, b] = await pair();
    const c = await startNode('c', [Number(a.self.address.port)]);
    await until(() => a.members().length === 2 && b.members().length === 2, 'three nodes');
    const got: Record<string, unknown[]> = { b: [], c: [] };
    b.subscribe('t', (payload, { seq }) => got['b']!.push([payload, seq]));
    c.subscribe('t', (payload, { seq }) => got['c']!.push([payload, seq]));
    const [toB, toC] = ['b', 'c'].map((name) => a.members().find((member) => member.name === name)!);
    a.publish('t', 'all');
    a.publishTo(toB!, 't', 'only b');
    a.publishTo(toC!.incarnation, 't', 'only c');
    a.publish('t', 'all again');
    await until(() => got['b']!.length === 3 && got['c']!.length === 3, 'three each');
    expect(got).toEqual({
      b: [
        ['all', 1],
        ['only b', 2],
        ['all again', 4],
      ],
      c: [
        ['all', 1],
        ['only c', 3],
        ['all again', 4],
      ],
    });
    expect(b.freshness()).toEqual({ fresh: true, reasons: [] });
    expect(() => a.publishTo('feedfeedfeedfeed', 't', 1)).toThrow(
      expect.objectContaining({ code: 'CLUSTER_UNKNOWN_MEMBER' }) as never,
    );
  });

  it('stays in this process with publishLocal', async () => {
    const [a, b] = await pair();
    const atA: unknown[] = [];
    const atB: unknown[] = [];
    a.subscribe('t', (payload, { local, seq }) => atA.push([payload, local, seq]));
    b.subscribe('t', (payload) => atB.push(payload));
    a.publishLocal('t', 'here');
    a.publish('t', 'everywhere');
    await until(() => atA.length === 2 && atB.length === 1, 'both');
    expect(atA).toContainEqual(['here', true, 0]);
    expect(atB).toEqual(['everywhere']);
  });

  it('of publishLocal beyond the bounds of one turn is one gap behind the rest', async () => {
    const node = await startNode('a', [await freePort()], { limits: { maxQueuedEvents: 10 } });
    const order: unknown[] = [];
    node.subscribe('t', (payload) => order.push(payload), {
      onGap: ({ reason, missed, from }) => order.push([reason, missed, from.name]),
    });
    for (let n = 1; n <= 15; n++) node.publishLocal('t', n);
    await until(() => order.length === 11, 'ten events and a gap');
    expect(order).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, ['slow-handler', 5, 'a']]);
    node.publishLocal('t', 16);
    await until(() => order.length === 12, 'the next turn');
    expect(order.at(-1)).toBe(16);
  });

  it('published before the first peer is known is replayed to it, marked as such', async () => {
    const port = await freePort();
    const early = makeNode('early', [port], { listen: { host: '127.0.0.1', port } });
    early.publish('t', 'before the start');
    await early.ready();
    early.publish('t', 'before the meeting');
    const late = makeNode('late', [port]);
    const got: unknown[] = [];
    late.subscribe('t', (payload, { replayed }) => got.push([payload, replayed]));
    await late.ready();
    await until(() => got.length === 2, 'the replay');
    early.publish('t', 'after');
    await until(() => got.length === 3, 'the live one');
    expect(got).toEqual([
      ['before the start', true],
      ['before the meeting', true],
      ['after', false],
    ]);
  });

  it('that the window of an older sender does not hold any more is a gap, and comes after the member is up', async () => {
    const port = await freePort();
    const early = makeNode('early', [port], {
      listen: { host: '127.0.0.1', port },
      limits: { windowBytes: 4_096, keptBytes: 0 },
    });
    await early.ready();
    for (let n = 1; n <= 100; n++) early.publish('t', { n, filler: 'x'.repeat(200) });
    const { first, head } = early.stats().log;
    expect([head, first > 1]).toEqual([100, true]);
    const late = makeNode('late', [port]);
    const order: unknown[] = [];
    late.on('member.up', ({ member }) => order.push(`${member.name} up`));
    late.on('gap', ({ reason, missed }) => order.push([reason, missed]));
    late.subscribe('t', (payload) => order.push((payload as { n: number }).n));
    await late.ready();
    await until(() => order.at(-1) === 100, 'the newest');
    expect(order).toEqual([
      'early up',
      ['first-contact', first - 1],
      ...Array.from({ length: 101 - first }, (_, i) => first + i),
    ]);
  });

  it.each([
    ['', {}, 'CLUSTER_INVALID_TOPIC'],
    ['flag.*', {}, 'CLUSTER_INVALID_TOPIC'],
    ['t', { f: () => 1 }, 'CLUSTER_INVALID_PAYLOAD'],
    ['t', Symbol('s'), 'CLUSTER_INVALID_PAYLOAD'],
    ['t', 'x'.repeat(2 ** 20), 'CLUSTER_PAYLOAD_TOO_LARGE'],
  ])('is refused at the call: %p %#', async (topic, payload, code) => {
    const node = await startNode('a', [await freePort()]);
    for (const publish of ['publish', 'publishLocal'] as const) {
      expect(() => node[publish](topic, payload)).toThrow(expect.objectContaining({ code }) as never);
    }
    await expect(node.publishConfirmed(topic, payload)).rejects.toMatchObject({ code });
    expect(node.stats().log.head).toBe(0);
  });
});

describe('a handler', () => {
  it('that throws or rejects is logged with its label; the others and what follows still run', async () => {
    const lines: string[] = [];
    const note = (message: string): void => void lines.push(message);
    const [a, b] = await pair(
      {},
      { logger: { debug: () => undefined, info: () => undefined, warn: () => undefined, error: note } },
    );
    const got: unknown[] = [];
    b.subscribe(
      't',
      () => {
        throw new Error('boom');
      },
      { label: 'Flags.onChange' },
    );
    b.subscribe('t', () => Promise.reject(new Error('later')));
    b.subscribe('t', (payload) => got.push(payload));
    a.publish('t', 1);
    a.publish('t', 2);
    await until(() => got.length === 2 && lines.length === 4, 'everything');
    expect(lines.filter((line) => /Flags\.onChange failed on event 't': Error: boom/.test(line))).toHaveLength(2);
    expect(lines.filter((line) => /later/.test(line))).toHaveLength(2);
  });

  it('runs one event at a time, in order, and keeps no other subscription waiting', async () => {
    const [a, b] = await pair();
    const order: string[] = [];
    let release!: () => void;
    const gate = new Promise<void>((resolve) => (release = resolve));
    b.subscribe('t', async (payload) => {
      order.push(`begin ${String(payload)}`);
      await gate;
      order.push(`end ${String(payload)}`);
    });
    const quick: unknown[] = [];
    b.subscribe('t', (payload) => quick.push(payload));
    for (let n = 1; n <= 3; n++) a.publish('t', n);
    await until(() => quick.length === 3, 'the quick one');
    expect(order).toEqual(['begin 1']);
    release();
    await until(() => order.length === 6, 'the slow one');
    expect(order).toEqual(['begin 1', 'end 1', 'begin 2', 'end 2', 'begin 3', 'end 3']);
  });

  it('that is too slow gets one gap in its place, with the right count; nobody else notices', async () => {
    const [a, b] = await pair({}, { limits: { maxQueuedEvents: 5 } });
    const seen: string[] = [];
    let release!: () => void;
    const gate = new Promise<void>((resolve) => (release = resolve));
    b.subscribe(
      't',
      async (payload) => {
        await gate;
        seen.push(String(payload));
      },
      { onGap: ({ reason, missed, from }) => seen.push(`${reason} ${missed} ${from.name}`) },
    );
    const quick: unknown[] = [];
    b.subscribe('t', (payload) => quick.push(payload));
    const elsewhere: unknown[] = [];
    b.subscribeGap('other', (gap) => elsewhere.push(gap));
    for (let n = 1; n <= 20; n++) a.publish('t', n);
    await until(() => quick.length === 20, 'the quick one');
    release();
    await until(() => seen.length === 7, 'the slow one');
    expect(seen).toEqual(['1', '2', '3', '4', '5', '6', 'slow-handler 14 a']);
    expect(elsewhere).toEqual([]);
    a.publish('t', 21);
    await until(() => seen.length === 8, 'the next');
    expect(seen.at(-1)).toBe('21');
  });

  it('of gaps and members runs in its place among the subscriptions of the same owner', async () => {
    const port = await freePort();
    const b = await startNode('b', [port], { listen: { host: '127.0.0.1', port } });
    const a = await startNode('a', [port]);
    await until(() => b.members().length === 1, 'a member');
    const owner = {};
    const order: string[] = [];
    let release!: () => void;
    const gate = new Promise<void>((resolve) => (release = resolve));
    b.subscribe(
      't',
      async (payload) => {
        await gate;
        order.push(String(payload));
      },
      { owner },
    );
    b.subscribeMember('left', ({ member }) => order.push(`${member.name} left`), { owner });
    const others: string[] = [];
    b.subscribeMember('left', ({ member }) => others.push(`${member.name} left`));
    a.publish('t', 'first');
    a.publish('t', 'second');
    await a.leave();
    await until(() => others.length === 1, 'the goodbye');
    expect(order).toEqual([]);
    release();
    await until(() => order.length === 3, 'all in order');
    expect(order).toEqual(['first', 'second', 'a left']);
  });

  it('stops hearing when it unsubscribes', async () => {
    const [a, b] = await pair();
    const got: unknown[] = [];
    const rest: unknown[] = [];
    const end = b.subscribe('t', (payload) => got.push(payload));
    b.subscribe('t', (payload) => rest.push(payload));
    a.publish('t', 1);
    await until(() => got.length === 1, 'one');
    end();
    a.publish('t', 2);
    await until(() => rest.length === 2, 'two');
    expect(got).toEqual([1]);
  });
});

describe('publishConfirmed', () => {
  it('waits until it is handled, not merely received; nodes without a handler count', async () => {
    const [a, b] = await pair();
    const c = await startNode('c', [Number(a.self.address.port)]);
    await until(() => a.members().length === 2 && c.members().length === 2, 'three nodes');
    let isHandled = false;
    let release!: () => void;
    b.subscribe('t', async () => {
      await new Promise<void>((resolve) => (release = resolve));
      isHandled = true;
    });
    const confirmation = a.publishConfirmed('t', 1, { timeoutMs: 60_000 });
    await until(() => release !== undefined, 'the handler runs');
    release();
    const { confirmed, failed, pending } = await confirmation;
    expect(isHandled).toBe(true);
    expect(confirmed.map(({ name }) => name).sort()).toEqual(['b', 'c']);
    expect([failed, pending]).toEqual([[], []]);
  });

  it('tells who failed and who did not answer in time', async () => {
    const [a, b] = await pair();
    const c = await startNode('c', [Number(a.self.address.port)]);
    await until(() => a.members().length === 2, 'three nodes');
    b.subscribe('t', () => {
      throw new Error('no');
    });
    c.subscribe('t', () => new Promise(() => undefined));
    const result = await a.publishConfirmed('t', 1, { timeoutMs: 100 });
    expect(result.failed.map(({ name }) => name)).toEqual(['b']);
    expect(result.pending.map(({ name }) => name)).toEqual(['c']);
    expect(result.confirmed).toEqual([]);
  });

  it('publishes nothing with a timeout that no timer can keep', async () => {
    const [a, b] = await pair();
    const got: unknown[] = [];
    for (const node of [a, b]) node.subscribe('t', (payload) => got.push(payload));
    for (const timeoutMs of [Number.NaN, -1, Infinity, 2 ** 31, '250', null] as number[]) {
      await expect(a.publishConfirmed('t', timeoutMs, { timeoutMs })).rejects.toMatchObject({
        code: 'CLUSTER_INVALID_OPTIONS',
        problems: [expect.stringMatching(/^timeoutMs: must be a number of milliseconds from 0 to 2147483647/)],
      });
    }
    await a.publishConfirmed('t', 'default', { timeoutMs: undefined as never });
    await a.publishConfirmed('t', 'longest', { timeoutMs: 2 ** 31 - 1 });
    await until(() => got.length === 4, 'two events on both');
    expect(got.filter((payload) => payload === 'default')).toHaveLength(2);
  });

  it('resolves at once when alone', async () => {
    const node = await startNode('a', [await freePort()]);
    await expect(node.publishConfirmed('t', 1)).resolves.toEqual({ confirmed: [], failed: [], pending: [] });
  });
});

describe('leaving', () => {
  it('delivers what was published right before, then refuses to publish', async () => {
    const [a, b] = await pair();
    const { members, gaps } = record(b);
    const got: unknown[] = [];
    b.subscribe('t', (payload) => got.push(payload));
    for (let n = 1; n <= 100; n++) a.publish('t', n);
    await a.leave();
    await until(() => members.includes('left a'), 'the goodbye');
    expect(got).toHaveLength(100);
    expect(gaps).toEqual([]);
    expect(members).toEqual(['left a']);
    for (const publish of ['publish', 'publishLocal'] as const) {
      expect(() => a[publish]('t', 1)).toThrow(expect.objectContaining({ code: 'CLUSTER_LEFT' }) as never);
    }
    await expect(a.publishConfirmed('t', 1)).rejects.toMatchObject({ code: 'CLUSTER_LEFT' });
    await expect(a.leave()).resolves.toBeUndefined();
    expect(a.self.status).toBe('left');
  });

  it('works for a node that never started', async () => {
    await makeNode('idle', [1]).leave();
  });
});
