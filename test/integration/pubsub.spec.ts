/** What users rely on when they publish and subscribe, over real links. */
import assert from 'node:assert/strict';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { Gap, MeshNode } from 'rookery/mesh';
import { closeAll, freePort, makeNode, pair, record, recordingLogger, startNode, until } from './support.js';

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
    await c.leave();
    await until(() => a.members('left').length === 1, 'c has left');
    expect(() => a.publishTo(toC!, 't', 1)).toThrow(
      expect.objectContaining({
        code: 'CLUSTER_UNKNOWN_MEMBER',
        message: expect.stringMatching(/c .*has left/) as never,
      }) as never,
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

  it('of publishLocal stands in order between what is published to all', async () => {
    const node = await startNode('a', [await freePort()]);
    const order: unknown[] = [];
    node.subscribe('t', (payload) => order.push(payload));
    node.publishLocal('t', 'local 1');
    node.publish('t', 'all 2');
    node.publishLocal('t', 'local 3');
    node.publishLocal('t', 'local 4');
    node.publish('t', 'all 5');
    node.publishLocal('t', 'local 6');
    await until(() => order.length === 6, 'all six');
    expect(order).toEqual(['local 1', 'all 2', 'local 3', 'local 4', 'all 5', 'local 6']);
    node.publish('t', 7);
    node.publishLocal('t', 8);
    await until(() => order.length === 8, 'the next turn');
    expect(order.slice(6)).toEqual([7, 8]);
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

  it('that is too large for one peer is one gap of one there, in its place, and arrives everywhere else', async () => {
    const [a, small] = await pair({}, { limits: { maxFrameBytes: 65_536 } });
    const large = await startNode('c', [a.self.address.port]);
    await until(() => [a, small, large].every((node) => node.members('up').length === 2), 'three members');
    const told = new Map([small, large].map((node) => [node, [] as unknown[]]));
    for (const [node, lines] of told) {
      node.subscribe('t', (payload) => lines.push((payload as string).length));
      node.on('gap', ({ reason, missed, from }) => lines.push([reason, missed, from.name]));
      for (const status of ['up', 'suspect', 'lost'] as const) node.on(`member.${status}`, () => lines.push(status));
    }
    const links = a.stats().links.map(({ remoteAddress }) => remoteAddress);
    for (const length of [1, 100_000, 2, 3]) a.publish('t', 'x'.repeat(length));
    await until(() => [...told.values()].every((lines) => lines.at(-1) === 3), 'the last one');
    expect(told.get(small)).toEqual([1, ['too-large', 1, 'a'], 2, 3]);
    expect(told.get(large)).toEqual([1, 100_000, 2, 3]);
    expect(a.stats().links.map(({ remoteAddress }) => remoteAddress)).toEqual(links);
  });

  it.each([
    ['', {}, 'CLUSTER_INVALID_TOPIC'],
    ['flag.*', {}, 'CLUSTER_INVALID_TOPIC'],
    ['t', { f: () => 1 }, 'CLUSTER_INVALID_PAYLOAD'],
    ['flag.\ud800', {}, 'CLUSTER_INVALID_TOPIC'],
    ['t', Symbol('s'), 'CLUSTER_INVALID_PAYLOAD'],
    ['t', { half: '\ud800' }, 'CLUSTER_INVALID_PAYLOAD'],
    ['t', { proxy: new Proxy(new Map(), {}) }, 'CLUSTER_INVALID_PAYLOAD'],
    ['t', new Proxy({}, { ownKeys: () => assert.fail('mine') }), 'CLUSTER_INVALID_PAYLOAD'],
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

  it.each([
    [
      'of the whole cluster',
      (node: MeshNode, handler: (gap: Gap) => void, owner: object) => node.subscribeGap(undefined, handler, { owner }),
    ],
    ['of the subscription', undefined],
  ])('%s hears a gap of a sender while its queue overflows, and goes on', async (_whose, subscribeGap) => {
    const port = await freePort();
    const b = await startNode('b', [port], { listen: { host: '127.0.0.1', port }, limits: { maxQueuedEvents: 3 } });
    const a = await startNode('a', [port]);
    const c = await startNode('c', [port]);
    await until(() => b.members().length === 2, 'two members');
    const owner = {};
    const order: string[] = [];
    let release!: () => void;
    let gate = new Promise<void>((resolve) => (release = resolve));
    const onGap = ({ from, reason, missed }: Gap): void => void order.push(`${reason} ${from.name} ${missed ?? '?'}`);
    const handler = async (payload: unknown): Promise<void> => {
      await gate;
      order.push(String(payload));
    };
    b.subscribe('t', handler, subscribeGap === undefined ? { owner, onGap } : { owner });
    subscribeGap?.(b, onGap, owner);
    const quick: unknown[] = [];
    b.subscribe('t', (payload) => quick.push(payload));
    for (let n = 1; n <= 10; n++) a.publish('t', n);
    await until(() => quick.length === 10, 'everything is here');
    b.forget(c.self);
    for (let n = 11; n <= 12; n++) a.publish('t', n);
    await until(() => quick.length === 12, 'and some more');
    release();
    await until(() => order.includes('origin-lost c ?'), 'the gap of the sender');
    // What came behind the gap found the queue full as well: one more overflow, or events, but nothing out of order.
    gate = Promise.resolve();
    a.publish('t', 13);
    await until(() => order.at(-1) === '13', 'the handler lives');
    expect(order.slice(0, 6)).toEqual(['1', '2', '3', '4', 'slow-handler a 6', 'origin-lost c ?']);
  });

  it('runs one at a time even when it causes the next event itself', async () => {
    const node = await startNode('a', [await freePort()]);
    const order: string[] = [];
    node.subscribe('x', async (payload) => {
      order.push(`in ${String(payload)}`);
      if (payload === 'first') await node.publishConfirmed('x', 'caused');
      order.push(`out ${String(payload)}`);
    });
    node.subscribe('y', (payload) => {
      order.push(`in ${String(payload)}`);
      if (payload === 1) node.publish('y', 2);
      void node.publishConfirmed('z', 1);
      order.push(`out ${String(payload)}`);
    });
    node.publish('x', 'first');
    node.publish('x', 'second');
    await until(() => order.length === 6, 'x');
    node.publish('y', 1);
    await until(() => order.length === 10, 'y');
    const calls = ['first', 'second', 'caused', '1', '2'];
    expect(order).toEqual(calls.flatMap((call) => [`in ${call}`, `out ${call}`]));
  });

  it.each(['publish', 'publishLocal'] as const)(
    'that answers itself for ever with %s leaves timers and sockets their turn, and memory as it is',
    async (publish) => {
      const [a, b] = await pair();
      let turns = 0;
      let isOver = false;
      a.subscribe('echo', () => {
        turns++;
        if (!isOver) a[publish]('echo', 1);
      });
      a.subscribe('echo.async', async () => {
        await Promise.resolve();
        if (!isOver) a[publish]('echo.async', 1);
      });
      const got: unknown[] = [];
      a.subscribe('t', (payload) => got.push(payload));
      a[publish]('echo', 1);
      a[publish]('echo.async', 1);
      await until(() => turns > 20, 'some turns');
      b.publish('t', 1);
      await until(() => got.length === 1, 'an event of the peer');
      isOver = true;
    },
  );

  it('of gaps may return anything that can be awaited, also a query that begins only then', async () => {
    const [a, b] = await pair();
    let queries = 0;
    const query = { then: (resolve: () => void) => (queries++, resolve()) };
    b.subscribeGap(undefined, () => query);
    b.subscribeMember('lost', () => query);
    b.forget(a.self);
    await until(() => queries === 2, 'both queries');
  });

  it('whose result is broken fails, and nothing else', async () => {
    const logger = recordingLogger();
    const node = await startNode('a', [await freePort()], { logger });
    const broken = Object.defineProperty({}, 'then', {
      get: () => {
        throw new Error('bad then');
      },
    });
    const got: unknown[] = [];
    node.subscribe('t', () => broken, { label: 'Broken.handler' });
    node.subscribe('t', (payload) => got.push(payload));
    node.publish('t', 1);
    node.publish('t', 2);
    await until(() => got.length === 2, 'both events');
    expect(logger.lines.filter((line) => /Broken\.handler failed.*bad then/.test(line))).toHaveLength(2);
  });

  it('of gaps and members hears nothing after it unsubscribed, not even what waits for it', async () => {
    const port = await freePort();
    const b = await startNode('b', [port], { listen: { host: '127.0.0.1', port } });
    const a = await startNode('a', [port]);
    await until(() => b.members().length === 1, 'a member');
    const owner = {};
    const heard: string[] = [];
    let release!: () => void;
    const gate = new Promise<void>((resolve) => (release = resolve));
    b.subscribe('t', () => gate, { owner });
    const ends = [
      b.subscribeGap(undefined, () => heard.push('gap'), { owner }),
      b.subscribeMember('lost', () => heard.push('lost'), { owner }),
      b.on('member.lost', () => ends.at(-1)!()),
      b.on('member.lost', () => heard.push('ended by the one before')),
    ];
    const seen: unknown[] = [];
    b.subscribe('t', (payload) => seen.push(payload));
    a.publish('t', 1);
    await until(() => seen.length === 1, 'the event');
    b.forget(a.self);
    ends[0]!();
    ends[1]!();
    release();
    a.publish('t', 2);
    await until(() => seen.length === 2, 'it comes back');
    expect(heard).toEqual([]);
  });

  it('stops hearing when it unsubscribes, also what waits for it already', async () => {
    const [a, b] = await pair();
    const got: unknown[] = [];
    const quick: unknown[] = [];
    let release!: () => void;
    const gate = new Promise<void>((resolve) => (release = resolve));
    const end = b.subscribe('t', async (payload) => {
      got.push(payload);
      await gate;
    });
    b.subscribe('t', (payload) => quick.push(payload));
    for (let n = 1; n <= 3; n++) a.publish('t', n);
    const confirmation = a.publishConfirmed('t', 4, { timeoutMs: 10_000 });
    await until(() => quick.length === 4, 'all events');
    end();
    release();
    expect((await confirmation).confirmed.map(({ name }) => name)).toEqual(['b']);
    expect(got).toEqual([1]);
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
    // One that is done sooner does not speak for the other. What it says travels behind any confirmation.
    b.subscribe('t', () => void b.publish('done.sooner', 1));
    let isAnswered = false;
    a.subscribe('done.sooner', () => (isAnswered = true));
    const confirmation = a.publishConfirmed('t', 1, { timeoutMs: 60_000 });
    let isSettled = false;
    void confirmation.then(() => (isSettled = true));
    await until(() => isAnswered, 'the other handler');
    expect(isSettled).toBe(false);
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
  it('ends the freshness of what this node knows: it hears nothing any more', async () => {
    const alone = await startNode('a', [await freePort()]);
    expect(alone.freshness().fresh).toBe(true);
    await alone.leave();
    expect(alone.freshness()).toEqual({ fresh: false, reasons: [expect.stringMatching(/^left: /)] });
  });

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

  it('comes behind everything that was accepted, even if nobody acknowledges in time', async () => {
    const [a, b] = await pair({ limits: { leaveTimeoutMs: 0 } });
    const order: unknown[] = [];
    let count = 0;
    b.subscribe('t', () => count++);
    b.on('gap', (gap) => order.push(gap));
    b.on('member.left', () => order.push(count));
    const text = 'x'.repeat(100_000);
    for (let n = 0; n < 100; n++) a.publish('t', text);
    await a.leave();
    await until(() => order.length > 0, 'the goodbye');
    expect(order).toEqual([100]);
  });

  it('works for a node that never started, and it cannot be started then: nobody could leave it again', async () => {
    const idle = makeNode('idle', [1]);
    await idle.leave();
    for (const attempt of [idle.start(), idle.ready()]) {
      await expect(attempt).rejects.toMatchObject({ code: 'CLUSTER_LEFT', message: expect.stringMatching(/new node/) });
    }
    expect(idle.self.status).toBe('left');
  });

  it('is the end of a node: it is ready no more than it was, and cannot be started again', async () => {
    const node = await startNode('a', []);
    await node.leave();
    await expect(node.start()).rejects.toMatchObject({ code: 'CLUSTER_LEFT' });
    await expect(node.ready()).resolves.toBeUndefined();
  });
});

describe('a member that is none', () => {
  it.each([[undefined], [null], [5], [{}], [{ incarnation: 5 }], [Object.create(null)], [Symbol('a')]])(
    'such as %p is refused, with what to give instead',
    async (member) => {
      const node = await startNode('a', []);
      const refused = expect.objectContaining({
        code: 'CLUSTER_UNKNOWN_MEMBER',
        message: expect.stringMatching(/a member or its incarnation.*Take members from cluster\.members\(\)/),
      }) as never;
      expect(() => node.publishTo(member as never, 't', 1)).toThrow(refused);
      expect(() => node.forget(member as never)).toThrow(refused);
    },
  );
});
