/** Handlers and loggers that fail in ways which cannot even be told: neither a link nor anybody else may suffer for it. */
import { parse } from 'node:querystring';
import { afterEach, describe, expect, beforeEach, it, jest } from '@jest/globals';
import type { Logger } from '@rookery/runtime';
import type { MeshNode } from 'rookery/mesh';
import { closeAll, freePort, makeNode, pair, record, recordingLogger, startNode, until } from './support.js';

afterEach(async () => {
  await closeAll();
  jest.restoreAllMocks();
});

const fail = (): never => {
  throw new Error('unreadable');
};

/** What can be thrown, and neither String() nor a template can take. */
const UNSPEAKABLE: [string, () => unknown][] = [
  ['an object without prototype', () => Object.create(null)],
  ['what querystring parses', () => parse('error=denied')],
  ['an error whose stack is a symbol', () => Object.assign(new Error('x'), { stack: Symbol('s') })],
  ['an error whose stack cannot be read', () => Object.defineProperty(new Error('x'), 'stack', { get: fail })],
  ['a toString that is no function', () => ({ toString: 1 })],
];

const HOW: [string, (error: unknown) => unknown][] = [
  [
    'throws',
    (error) => {
      throw error;
    },
  ],
  // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- that is the point
  ['rejects', (error) => Promise.reject(error)],
];

const CASES = UNSPEAKABLE.flatMap(([what, make]) => HOW.map(([how, end]) => [how, what, () => end(make())] as const));

/** What reaches the process and would end it, while `work` runs. */
async function fatalDuring(work: () => Promise<void>): Promise<unknown[]> {
  const fatal: unknown[] = [];
  const note = (error: unknown): void => void fatal.push(error);
  process.on('uncaughtException', note).on('unhandledRejection', note);
  try {
    await work();
  } finally {
    process.off('uncaughtException', note).off('unhandledRejection', note);
  }
  return fatal;
}

const failingLogger: Logger = { debug: fail, info: fail, warn: fail, error: fail };

/** Publishes 1 to 4 in turns of their own, and waits until the last has reached the handlers that are well. */
async function publishFour(node: MeshNode, heard: readonly number[]): Promise<void> {
  for (let n = 1; n <= 4; n++) {
    node.publish('t', n);
    await until(() => heard.includes(n), `event ${n} at a handler that is well`);
  }
}

describe('a handler', () => {
  it.each(CASES)(
    'that %s %s fails alone: no link, no other handler and no later event notices',
    async (_how, _what, end) => {
      const logger = recordingLogger();
      const [a, b] = await pair({}, { logger });
      const { members, gaps } = record(b);
      const [failing, well]: number[][] = [[], []];
      b.subscribe('t', (n: unknown) => (failing!.push(n as number), n === 2 ? end() : undefined));
      b.subscribe('t', (n: unknown) => void well!.push(n as number));
      const fatal = await fatalDuring(async () => {
        await publishFour(a, well!);
        await until(() => failing!.length === 4, 'all events at the handler that failed once');
      });
      expect([failing, well, gaps, members, fatal]).toEqual([[1, 2, 3, 4], [1, 2, 3, 4], [], [], []]);
      expect(logger.lines.filter((line) => line.startsWith('error The handler t failed on event'))).toHaveLength(1);
      expect(b.freshness()).toEqual({ fresh: true, reasons: [] });
    },
  );

  it.each(CASES)('that %s %s does not stop the events of this node itself', async (_how, _what, end) => {
    const node = await startNode('a', []);
    const [failing, well]: number[][] = [[], []];
    node.subscribe('t', (n: unknown) => (failing!.push(n as number), n === 2 ? end() : undefined));
    node.subscribe('t', (n: unknown) => void well!.push(n as number));
    const fatal = await fatalDuring(async () => {
      await publishFour(node, well!);
      await until(() => failing!.length === 4, 'all events at the handler that failed once');
    });
    expect([failing, well, fatal]).toEqual([[1, 2, 3, 4], [1, 2, 3, 4], []]);
  });

  it.each(CASES)('that %s %s is told to the publisher as one that failed', async (_how, _what, end) => {
    const [a, b] = await pair();
    b.subscribe('t', end as never);
    const { failed } = await a.publishConfirmed('t', 1, { timeoutMs: 10_000 });
    expect(failed.map(({ name }) => name)).toEqual(['b']);
  });

  it.each(CASES)('of gaps or members that %s %s hears the next one', async (_how, _what, end) => {
    const port = await freePort();
    const a = await startNode('a', [port], { listen: { host: '127.0.0.1', port } });
    const heard: string[] = [];
    a.on('member.up', ({ member }) => (heard.push(member.name), end()));
    const fatal = await fatalDuring(async () => {
      for (const name of ['b', 'c']) {
        await startNode(name, [port]);
        await until(() => heard.includes(name), `word of ${name}`);
      }
    });
    expect([heard, fatal]).toEqual([['b', 'c'], []]);
  });
});

describe('a logger', () => {
  /** Where its lines go instead. */
  const lines: string[] = [];
  beforeEach(() => {
    lines.length = 0;
    jest.spyOn(process.stderr, 'write').mockImplementation((line) => lines.push(String(line)) > 0);
  });

  it('that throws on every line keeps no node from joining, failing handlers, and leaving', async () => {
    const [a, b] = await pair({ logger: failingLogger }, { logger: failingLogger });
    const heard: number[] = [];
    for (const node of [a, b]) node.subscribe('t', fail);
    for (const node of [a, b]) node.subscribe('t', (n: unknown) => void heard.push(n as number));
    const fatal = await fatalDuring(async () => {
      await publishFour(a, heard);
      await until(() => heard.length === 8, 'four events at both nodes');
      expect((await a.publishConfirmed('t', 5, { timeoutMs: 10_000 })).failed.map(({ name }) => name)).toEqual(['b']);
      await b.leave();
      await until(() => a.members('left').length === 1, 'the goodbye');
    });
    expect(fatal).toEqual([]);
    // What needs a person is not lost with the logger.
    expect(lines).toContainEqual(
      expect.stringMatching(/^ERROR .*The logger failed .*The handler t failed on event 't'/),
    );
  });

  it('that throws keeps no discovery from being asked again', async () => {
    let asked = 0;
    const discover = (): Promise<never> => {
      asked++;
      return Promise.reject(new Error('down'));
    };
    const discovery = { name: 'custom', pollIntervalMs: 20, discover, withdraw: fail };
    const node = makeNode('a', [], { logger: failingLogger, discovery });
    const fatal = await fatalDuring(async () => {
      await node.start();
      await until(() => asked > 3, 'further rounds');
      await node.leave();
    });
    expect(fatal).toEqual([]);
  });
});
