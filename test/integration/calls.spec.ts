/** What users rely on when they ask other nodes, over real links. */
import { afterEach, describe, expect, it } from '@jest/globals';
import { type CallContext, ClusterCallError, type MeshNode } from 'rookery/mesh';
import { closeAll, makeNode, pair, startNode, until } from './support.js';

afterEach(() => closeAll());

/** A promise, and the function that keeps it. */
function gate(): { readonly open: () => void; readonly opened: Promise<void> } {
  let open!: () => void;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { open, opened };
}

async function failure(promise: Promise<unknown>): Promise<ClusterCallError> {
  const error: unknown = await promise.then(
    (value) => value,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ClusterCallError);
  return error as ClusterCallError;
}

/** Breaks every link of a node, as the end of its process does. */
function breakLinks(node: MeshNode): void {
  const { mesh } = node as unknown as { mesh: { links: Set<{ connection: { destroy(why: string): void } }> } };
  for (const { connection } of mesh.links) connection.destroy('broken by the test');
}

/** Nodes that all know the first. */
async function mesh(...names: readonly string[]): Promise<MeshNode[]> {
  const first = await startNode(names[0]!, []);
  const rest = await Promise.all(names.slice(1).map((name) => startNode(name, [Number(first.self.address.port)])));
  const nodes = [first, ...rest];
  await until(() => nodes.every((node) => node.members('up').length === names.length - 1), 'a full mesh');
  return nodes;
}

describe('a request', () => {
  it('is answered by the member that serves the pattern, with a copy of what it is given', async () => {
    const [a, b] = await pair();
    const seen: unknown[] = [];
    b.respond('sum', (data, { pattern, from, metadata, remainingMs }: CallContext) => {
      seen.push(data, pattern, from.name, metadata, remainingMs > 0 && remainingMs <= 800);
      return (data as number[]).reduce((sum, n) => sum + n, 0);
    });
    await until(() => a.rpc.serving('call', 'sum').length === 1, 'the pattern');
    const data = [1, 2, 3];
    const sum = a.request('sum', data, { timeoutMs: 800, metadata: { trace: 'abc' } });
    data.push(99);
    expect(await sum).toBe(6);
    expect(seen).toEqual([[1, 2, 3], 'sum', 'a', { trace: 'abc' }, true]);
  });

  it('finds a handler from the moment a member is up', async () => {
    const a = await startNode('a', []);
    const answers: unknown[] = [];
    a.on('member.up', () => void a.request('who', null).then((answer) => answers.push(answer)));
    const b = makeNode('b', [Number(a.self.address.port)]);
    b.respond('who', () => 'b');
    await b.ready();
    await until(() => answers.length === 1, 'the answer');
    expect(answers).toEqual(['b']);
  });

  it('may be answered by the node itself, which hears a copy', async () => {
    const a = await startNode('a', []);
    const given = { list: [1] };
    a.respond('echo', (data, { from }) => {
      expect(data).not.toBe(given);
      (data as typeof given).list.push(2);
      return { data, from: from.name };
    });
    expect(await a.request('echo', given)).toEqual({ data: { list: [1, 2] }, from: 'a' });
    expect(given).toEqual({ list: [1] });
  });

  it('of the node itself is answered however much waits, or refused before it is sent', async () => {
    const a = await startNode('a', []);
    a.respond('length', (text) => (text as string).length);
    const text = 'x'.repeat(1_000_000);
    const outcomes = await Promise.allSettled(Array.from({ length: 40 }, () => a.request('length', text)));
    const answered = outcomes.filter((outcome) => outcome.status === 'fulfilled');
    expect(answered.length).toBeGreaterThan(15);
    expect(answered.every(({ value }) => value === 1_000_000)).toBe(true);
    for (const outcome of outcomes)
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'REJECTED' });
  });

  it('goes to the one with the fewest calls in flight, and then in turn', async () => {
    const [a, b, c] = await mesh('a', 'b', 'c');
    const held = gate();
    b!.respond('who', async () => held.opened.then(() => 'b'));
    c!.respond('who', () => 'c');
    await until(() => a!.rpc.serving('call', 'who').length === 2, 'both');
    const first = [a!.request('who', 0), a!.request('who', 0)];
    // One of the two waits at b: the rest goes to c, as fast as it answers.
    await Promise.race(first);
    for (let i = 0; i < 5; i++) expect(await a!.request('who', 0)).toBe('c');
    held.open();
    expect((await Promise.all(first)).sort()).toEqual(['b', 'c']);
    const later = [];
    for (let i = 0; i < 4; i++) later.push(await a!.request('who', 0));
    expect(later.sort()).toEqual(['b', 'b', 'c', 'c']);
  });

  it('goes where it is told: to a member, by metadata, by key, to itself first', async () => {
    const a = await startNode('a', []);
    const seed = Number(a.self.address.port);
    const nodes = [a];
    for (const [name, zone] of [
      ['b', 'eu-1'],
      ['c', 'eu-2'],
    ] as const) {
      nodes.push(await startNode(name, [seed], { metadata: { zone } }));
    }
    for (const node of nodes) node.respond('who', () => node.self.name);
    await until(() => a.rpc.serving('call', 'who').length === 3, 'all three');
    const ask = (options: object): Promise<unknown> => a.request('who', 0, options);
    expect(await ask({ to: 'b' })).toBe('b');
    expect(await ask({ to: a.members().find(({ name }) => name === 'c') })).toBe('c');
    expect(await ask({ where: { zone: 'eu-2' } })).toBe('c');
    expect(await ask({ prefer: 'local' })).toBe('a');
    const byKey = new Set();
    for (let i = 0; i < 10; i++) byKey.add(await ask({ key: 'customer-7' }));
    expect(byKey.size).toBe(1);
    expect(new Set(await Promise.all(Array.from({ length: 50 }, (_, i) => ask({ key: `k${i}` })))).size).toBe(3);
    expect(await failure(ask({ where: { zone: 'mars' } }))).toMatchObject({ code: 'NO_PEER' });
  });

  it('asks every member with requestAll, and tells the failures beside the answers', async () => {
    const [a, b, c] = await mesh('a', 'b', 'c');
    b!.respond('load', () => 0.5);
    c!.respond('load', () => {
      throw new RangeError('no idea');
    });
    await until(() => a!.rpc.serving('call', 'load').length === 2, 'both');
    const outcomes = await a!.requestAll('load', null);
    const byName = Object.fromEntries(outcomes.map((outcome) => [outcome.member.name, outcome]));
    expect(byName['b']).toMatchObject({ value: 0.5 });
    expect(byName['c']!.error).toMatchObject({ code: 'FAILED' });
    expect(byName['c']!.error!.payload).toBeInstanceOf(RangeError);
    expect(byName['c']!.error!.message).toContain('no idea');
  });
});

describe('a request to all', () => {
  it('tells of one member that takes less than the others, and has the answers of those', async () => {
    const a = await startNode('a', []);
    const seed = [Number(a.self.address.port)];
    const small = await startNode('small', seed, { limits: { maxFrameBytes: 65_536 } });
    const large = await startNode('large', seed);
    for (const node of [small, large]) node.respond('length', (data) => (data as string).length);
    await until(() => a.rpc.serving('call', 'length').length === 2, 'both');
    const outcomes = await a.requestAll('length', 'x'.repeat(100_000));
    const byName = Object.fromEntries(outcomes.map((outcome) => [outcome.member.name, outcome]));
    expect(byName['large']).toMatchObject({ value: 100_000 });
    expect(byName['small']!.error).toMatchObject({ code: 'REJECTED', didNotRun: true });
    await expect(a.requestAll('length', () => 1)).rejects.toMatchObject({ code: 'CLUSTER_INVALID_PAYLOAD' });
  });
});

describe('a stream', () => {
  it('brings its values in order, and then its end', async () => {
    const [a, b] = await pair();
    b.respond('count', async function* (data) {
      for (let i = 1; i <= (data as number); i++) yield Promise.resolve(i);
    });
    await until(() => a.rpc.serving('call', 'count').length === 1, 'the pattern');
    const values = [];
    // So many small ones that their headers alone are more than the window.
    for await (const value of a.requestStream('count', 100_000)) values.push(value);
    expect(values).toEqual(Array.from({ length: 100_000 }, (_, i) => i + 1));
  });

  it('is asked for more only as its reader keeps up, and stops when it goes', async () => {
    const [a, b] = await pair();
    let made = 0;
    let isOver = false;
    const text = 'x'.repeat(1_000);
    b.respond('flood', async function* () {
      try {
        for (; made < 1_000_000; made++) yield Promise.resolve(text);
      } finally {
        isOver = true;
      }
    });
    await until(() => a.rpc.serving('call', 'flood').length === 1, 'the pattern');
    const stream = a.requestStream('flood', null)[Symbol.asyncIterator]();
    expect(await stream.next()).toEqual({ done: false, value: text });
    await until(() => made > 200, 'a full window');
    const filled = made;
    // Turns of the loop in which it could have made more.
    for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
    expect(made).toBe(filled);
    expect(made).toBeLessThan(600);
    for (let i = 0; i < 1_000; i++) await stream.next();
    expect(made).toBeGreaterThan(1_000);
    await stream.return!();
    await until(() => isOver, 'the end of the source');
    expect(made).toBeLessThan(2_000);
  });
});

describe('a stream of a member that leaves', () => {
  it('ends, and is not begun anew elsewhere by itself: its reader has a part of it', async () => {
    const [a, b, c] = await mesh('a', 'b', 'c');
    let runs = 0;
    for (const node of [b!, c!]) {
      node.respond('ticks', async function* (_data, { signal }) {
        runs++;
        yield node.self.name;
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
      });
    }
    await until(() => a!.rpc.serving('call', 'ticks').length === 2, 'both');
    const stream = a!.requestStream('ticks', null, { idempotent: true })[Symbol.asyncIterator]();
    const { value: name } = await stream.next();
    const end = failure(stream.next());
    await (name === 'b' ? b! : c!).leave();
    const error = await end;
    expect(error).toMatchObject({ code: 'PEER_LOST', didNotRun: false });
    expect(error.message).toContain('it is about to leave');
    expect(runs).toBe(1);
  });
});

describe('a call that comes to nothing', () => {
  it('says at once that nobody serves it, and what is served', async () => {
    const [a, b] = await pair();
    b.respond('flags.get', () => 1);
    await until(() => a.rpc.serving('call', 'flags.get').length === 1, 'the pattern');
    const error = await failure(a.request('flags.gte', null, { timeoutMs: 60_000 }));
    expect(error).toMatchObject({ code: 'NO_PEER', pattern: 'flags.gte', member: undefined });
    expect(error.message).toBe("No member serves 'flags.gte'. Served are: flags.get.");
  });

  it('says what to do for it where nothing is served at all', async () => {
    const node = await startNode('a', []);
    const error = await failure(node.request('flags.get', null, { timeoutMs: 60_000 }));
    expect(error.message).toMatch(/^No member serves 'flags.get'. None is served anywhere. On Nest, ClusterServer /);
  });

  it('says how a pattern of Nest that is an object is written as a text', async () => {
    const node = await startNode('a', []);
    const ask = (pattern: unknown): Promise<unknown> => node.request(pattern as string, null);
    await expect(ask({ cmd: 'sum' })).rejects.toMatchObject({
      code: 'CLUSTER_INVALID_PATTERN',
      message: `A pattern is a text such as 'flags.get', not { cmd: 'sum' }. The text of a pattern that is an object in Nest is its JSON, with sorted keys: '{"cmd":"sum"}'.`,
    });
    await expect(ask(null)).rejects.toThrow("A pattern is a text such as 'flags.get', not null.");
  });

  it('ends on both sides when its time is over', async () => {
    const [a, b] = await pair();
    let aborted = false;
    b.respond('slow', async (_data, { signal }) => {
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
      aborted = true;
    });
    await until(() => a.rpc.serving('call', 'slow').length === 1, 'the pattern');
    expect(await failure(a.request('slow', null, { timeoutMs: 20 }))).toMatchObject({ code: 'TIMEOUT' });
    await until(() => aborted, 'the end of the handler');
  });

  it('ends in time though it is answered by a stream that does not end, with or without a deadline of its own', async () => {
    const [a, b] = await pair();
    let ended = 0;
    b.respond('ticks', async function* (_data, { signal }) {
      yield 1;
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
      ended++;
    });
    await until(() => a.rpc.serving('call', 'ticks').length === 1, 'the pattern');
    const codes = await Promise.all([
      failure(a.request('ticks', null, { timeoutMs: 20 })),
      failure(a.request('ticks', null)),
    ]);
    expect(codes).toMatchObject([{ code: 'TIMEOUT' }, { code: 'TIMEOUT' }]);
    await until(() => ended === 2, 'the end of both handlers');
  }, 15_000);

  it('is cancelled by its signal', async () => {
    const [a, b] = await pair();
    let aborted = false;
    const begun = gate();
    b.respond('slow', async (_data, { signal }) => {
      begun.open();
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
      aborted = true;
    });
    await until(() => a.rpc.serving('call', 'slow').length === 1, 'the pattern');
    const controller = new AbortController();
    const call = a.request('slow', null, { signal: controller.signal });
    await begun.opened;
    controller.abort(new Error('not needed'));
    await expect(call).rejects.toThrow('not needed');
    await until(() => aborted, 'the end of the handler');
  });

  it('says that it may have run when this node leaves, though it waited for somebody at first', async () => {
    const [a, b] = await pair({ limits: { leaveTimeoutMs: 100 } });
    b.respond('hang', () => new Promise(() => undefined));
    await until(() => a.rpc.serving('call', 'hang').length === 1, 'the pattern');
    breakLinks(b);
    await until(() => a.rpc.serving('call', 'hang').length === 0, 'a broken link');
    const call = failure(a.request('hang', null));
    let begun = 0;
    a.respond('hang', () => {
      begun++;
      return new Promise(() => undefined);
    });
    await until(() => begun === 1, 'the call');
    await a.leave();
    expect(await call).toMatchObject({ code: 'PEER_LOST', didNotRun: false });
  });

  it('says that it may have run when the member is lost and nobody else is there for a second try', async () => {
    const [a, b] = await pair();
    const begun = gate();
    const end = b.respond('hang', () => {
      begun.open();
      return new Promise(() => undefined);
    });
    await until(() => a.rpc.serving('call', 'hang').length === 1, 'the pattern');
    const call = failure(a.request('hang', null, { idempotent: true }));
    await begun.opened;
    end();
    await until(() => a.rpc.serving('call', 'hang').length === 0, 'nobody that serves it');
    breakLinks(b);
    expect(await call).toMatchObject({ code: 'PEER_LOST', didNotRun: false });
  });

  it('goes elsewhere by itself when the member drains, whose running calls are answered', async () => {
    const [a, b, c] = await mesh('a', 'b', 'c');
    const held = gate();
    let begun = 0;
    for (const node of [b!, c!]) {
      node.respond('who', async (data) => {
        begun++;
        if (data === 'wait') await held.opened;
        return node.self.name;
      });
    }
    await until(() => a!.rpc.serving('call', 'who').length === 2, 'both');
    const waiting = Array.from({ length: 10 }, () => a!.request('who', 'wait'));
    await until(() => begun === 10, 'ten running calls');
    const left = b!.leave();
    for (let i = 0; i < 20; i++) expect(['b', 'c']).toContain(await a!.request('who', 'now'));
    held.open();
    expect(new Set(await Promise.all(waiting))).toEqual(new Set(['b', 'c']));
    await left;
    expect(await a!.request('who', 'now')).toBe('c');
  });
});
