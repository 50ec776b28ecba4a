/**
 * What every discovery strategy must hold, as cases that any test runner can run. It is the contract of `DiscoveryStrategy`
 * in executable form: this repository's own strategies pass it, and yours can.
 */
import { strict as assert } from 'node:assert';
import { isNativeError } from 'node:util/types';
import {
  addressKey,
  type DiscoverySelf,
  type DiscoveryStrategy,
  type PeerAddress,
  uniqueAddresses,
} from 'rookery/discovery';
import { systemClock } from '@rookery/runtime';
import { patience, type StrategyContext, strategyContext } from './strategy-context.js';

/** Where the strategies of one case look for peers: a server, a file, a registry. Each case opens one of its own. */
export interface DiscoverySource {
  /** Makes a strategy that looks here, with nothing else in common with the one made before. */
  strategy(): DiscoveryStrategy;
  /** Writes down who is there, instead of all that was written before. For sources that list ({@link DiscoveryTraits.lists}). */
  list?(addresses: readonly PeerAddress[]): Promise<void>;
  /** From now on the source cannot be asked. For those that can fail ({@link DiscoveryTraits.fails}). */
  fail?(): Promise<void>;
  /** Ends that. */
  recover?(): Promise<void>;
  /** Releases everything. */
  close(): Promise<void>;
}

/** What kind of source it is; decides which cases there are. */
export interface DiscoveryTraits {
  /** Opens a source that lists nobody. */
  readonly open: () => Promise<DiscoverySource>;
  /** Whether somebody else writes down who is there, so that `list` can play that part. @default false */
  readonly lists?: boolean;
  /** Whether nodes find each other by announcing themselves. @default false */
  readonly announces?: boolean;
  /** Whether the source can be out of reach, so that `fail` and `recover` can play that. @default false */
  readonly fails?: boolean;
  /** The addresses that the source is given. @default three of 192.0.2.0/24 (RFC 5737) */
  readonly addresses?: readonly [PeerAddress, PeerAddress, PeerAddress];
  /** How long a change may take until an answer shows it, in milliseconds. @default 5000 */
  readonly patienceMs?: number;
}

/** One thing that must hold. `run` rejects with an `AssertionError` where it does not. */
export interface ConformanceCase {
  readonly name: string;
  run(): Promise<void>;
}

const ADDRESSES: readonly [PeerAddress, PeerAddress, PeerAddress] = [
  { host: '192.0.2.1', port: 4370 },
  { host: '192.0.2.2', port: 4370 },
  { host: '192.0.2.3', port: 4370 },
];

const PATIENCE_MS = 5_000;
/** The loop counts on a strategy to let go soon once its signal is aborted. */
const LET_GO_MS = 1_000;
/** As long as the loop waits for an answer. */
const ANSWER_MS = 10_000;
/** And as long as it waits for a goodbye. */
const WITHDRAW_MS = 2_000;
const PAUSE_MS = 20;
/** What each of so many nodes leaves open stands out from what comes and goes in the process of the tests. */
const ROUNDS = 6;

/**
 * The cases for strategies of one kind.
 *
 * @example
 * const cases = discoveryStrategyCases({ open: openConsul, lists: true, fails: true });
 * describe('consul()', () => {
 *   for (const { name, run } of cases) it(name, run);
 * });
 */
export function discoveryStrategyCases(traits: DiscoveryTraits): readonly ConformanceCase[] {
  const { open, lists = false, announces = false, fails = false } = traits;
  const { addresses = ADDRESSES, patienceMs = PATIENCE_MS } = traits;
  const cases: ConformanceCase[] = [];
  /** Adds a case, which gets a source of its own, and a way to start nodes that are withdrawn in the end. */
  const add = (name: string, body: (source: DiscoverySource, nodes: Nodes) => Promise<void>): void => {
    cases.push({
      name,
      run: async () => {
        const source = await open();
        const nodes = new Nodes(source, addresses);
        try {
          await body(source, nodes);
        } finally {
          try {
            await nodes.withdrawAll();
          } finally {
            await source.close();
          }
        }
      },
    });
  };
  const becomes = async (node: Node, expected: readonly PeerAddress[]): Promise<void> => {
    await eventually(async () => assert.deepEqual(keysOf(await node.discover()), keysOf(expected)), patienceMs);
  };

  add('has a name, and an interval that a loop can keep', async (_source, nodes) => {
    const { name, pollIntervalMs } = (await nodes.start(0)).strategy;
    assert.match(name, /^[\w.-]{1,64}$/u, 'the name is for logs: letters, digits, dots and hyphens');
    if (pollIntervalMs === undefined) return;
    assert.ok(pollIntervalMs >= 10 && pollIntervalMs <= 3_600_000, `pollIntervalMs is ${pollIntervalMs}`);
  });

  add('answers nobody while nobody is there, and does not reject', async (_source, nodes) => {
    const node = await nodes.start(0);
    assert.deepEqual(keysOf(await node.discoverOthers()), []);
  });

  add('rejects with the reason of a signal that is aborted already', async (_source, nodes) => {
    const node = await nodes.start(0);
    const reason = new Error('the poll is over');
    await assert.rejects(
      inTime(node.strategy.discover(AbortSignal.abort(reason)), LET_GO_MS),
      (error) => error === reason,
    );
  });

  add('lets go when its signal is aborted while it asks', async (_source, nodes) => {
    const node = await nodes.start(0);
    const abort = new AbortController();
    const asked = node.strategy.discover(abort.signal);
    abort.abort(new Error('the poll is over'));
    // It may have been faster than the abort.
    await inTime(
      asked.catch(() => undefined),
      LET_GO_MS,
    );
    assert.ok(Array.isArray(await node.discover()), 'and answers the next poll');
  });

  add('answers two polls that overlap alike', async (_source, nodes) => {
    const node = await nodes.start(0);
    const [one, other] = await Promise.all([node.discover(), node.discover()]);
    assert.deepEqual(keysOf(one), keysOf(other));
  });

  add('gives answers that are the caller’s own', async (source, nodes) => {
    await source.list?.(addresses);
    const node = await nodes.start(0);
    if (lists) await becomes(node, addresses);
    const before = keysOf(await node.discover());
    const answer = (await node.discover()) as PeerAddress[];
    if (!Object.isFrozen(answer)) answer.length = 0;
    assert.deepEqual(keysOf(await node.discover()), before);
  });

  add('may be withdrawn twice, and without having been started', async (source, nodes) => {
    const { self } = strategyContext();
    await inTime(source.strategy().withdraw?.(self), WITHDRAW_MS);
    const node = await nodes.start(0);
    await node.announce();
    await node.withdraw();
    await node.withdraw();
  });

  add('holds nothing open once it is withdrawn', async (_source, nodes) => {
    // What is loaded or opened once for the whole process, at the first use, is not the strategy's to close.
    const first = await nodes.start(0);
    await first.announce();
    await first.discover();
    await first.withdraw();
    await someTurns();
    const before = openHandles();
    for (let round = 0; round < ROUNDS; round++) {
      const node = await nodes.start(1);
      await node.announce();
      await node.discover();
      await node.withdraw();
    }
    await someTurns();
    await eventually(() => {
      for (const [kind, count] of openHandles()) {
        const added = count - (before.get(kind) ?? 0);
        assert.ok(added <= ROUNDS / 2, `${added} more of ${kind} are open after ${ROUNDS} nodes have come and gone`);
      }
    }, patienceMs);
  });

  add('says what it has to explain as a text, or nothing', async (_source, nodes) => {
    const node = await nodes.start(0);
    await node.discover();
    const text = node.strategy.explain?.();
    assert.ok(text === undefined || (typeof text === 'string' && text !== ''), 'explain() is a text or undefined');
  });

  if (lists) {
    add('answers who is listed, each address once and fit to be dialled', async (source, nodes) => {
      await source.list?.([...addresses, addresses[0]]);
      const node = await nodes.start(0);
      await becomes(node, addresses);
      const answer = await node.discover();
      assert.equal(answer.length, addresses.length, 'repetitions are dropped');
      for (const { host, port } of answer) {
        assert.ok(typeof host === 'string' && host !== '' && !/[[\]\s]/u.test(host), `host is ${host}`);
        assert.ok(Number.isInteger(port) && port >= 1 && port <= 65_535, `port is ${port}`);
      }
    });

    add('follows the list as it grows, shrinks and is empty', async (source, nodes) => {
      const node = await nodes.start(0);
      for (const count of [1, 3, 2, 0, 3]) {
        await source.list?.(addresses.slice(0, count));
        await becomes(node, addresses.slice(0, count));
      }
    });

    add('gives the same answer for the same list, in whatever order it is told', async (source, nodes) => {
      const node = await nodes.start(0);
      await source.list?.(addresses);
      await becomes(node, addresses);
      const one = await node.discover();
      await source.list?.([...addresses].reverse());
      await becomes(node, addresses);
      assert.deepEqual(await node.discover(), one);
    });
  }

  if (announces) {
    add('lets nodes that announce themselves find each other', async (_source, nodes) => {
      const [one, other] = [await nodes.start(0), await nodes.start(1)];
      await eventually(async () => {
        await one.announce();
        await other.announce();
        assert.deepEqual(keysOf(await one.discoverOthers()), keysOf([other.address]));
        assert.deepEqual(keysOf(await other.discoverOthers()), keysOf([one.address]));
      }, patienceMs);
    });

    add('keeps clusters of other names apart', async (_source, nodes) => {
      const one = await nodes.start(0);
      const stranger = await nodes.start(1, { cluster: 'another' });
      const other = await nodes.start(2);
      await eventually(async () => {
        for (const node of [one, stranger, other]) await node.announce();
        assert.deepEqual(keysOf(await one.discoverOthers()), keysOf([other.address]));
      }, patienceMs);
      assert.deepEqual(keysOf(await stranger.discoverOthers()), []);
    });

    add('lists nobody any more who withdrew', async (_source, nodes) => {
      const [one, other] = [await nodes.start(0), await nodes.start(1)];
      await eventually(async () => {
        await one.announce();
        await other.announce();
        assert.deepEqual(keysOf(await one.discoverOthers()), keysOf([other.address]));
      }, patienceMs);
      await other.withdraw();
      await eventually(async () => {
        await one.announce();
        assert.deepEqual(keysOf(await one.discoverOthers()), []);
      }, patienceMs);
    });
  }

  if (fails) {
    add('never takes a source that cannot be asked for one where nobody is', async (source, nodes) => {
      const node = await nodes.start(0);
      let known: readonly PeerAddress[] = addresses;
      if (lists) {
        await source.list?.(addresses);
        await becomes(node, addresses);
      } else {
        const other = await nodes.start(1);
        known = [other.address];
        await eventually(async () => {
          await other.announce();
          assert.deepEqual(keysOf(await node.discoverOthers()), keysOf(known));
        }, patienceMs);
      }
      await source.fail?.();
      // What was on its way before it failed may still arrive; then it must say that it does not know, or what it knew.
      for (let poll = 0; poll < 3; poll++) {
        const answer = await node.discoverOthers().catch((error: unknown) => {
          assert.ok(isNativeError(error) && error.message !== '', 'it rejects with an error that says why');
          return undefined;
        });
        if (answer !== undefined) assert.deepEqual(keysOf(answer), keysOf(known));
      }
      await source.recover?.();
      await eventually(async () => {
        await nodes.announceAll();
        assert.deepEqual(keysOf(await node.discoverOthers()), keysOf(known));
      }, patienceMs);
    });

    add('starts while its source cannot be asked, and answers once it can', async (source, nodes) => {
      if (lists) await source.list?.(addresses);
      await source.fail?.();
      // The loop goes on when `start` rejects: it says so, and asks all the same.
      const node = await nodes.start(0).catch(() => nodes.last);
      await node.announce().catch(() => undefined); // nor can it announce anything
      const answer = await node.discoverOthers().catch(() => undefined); // which is as well
      if (answer !== undefined) assert.deepEqual(keysOf(answer), [], 'it cannot know anybody yet');
      await source.recover?.();
      if (lists) return becomes(node, addresses);
      const other = await nodes.start(1);
      await eventually(async () => {
        await nodes.announceAll();
        assert.deepEqual(keysOf(await node.discoverOthers()), keysOf([other.address]));
      }, patienceMs);
    });
  }
  return cases;
}

/** A strategy together with the node that it serves. */
class Node {
  constructor(
    readonly strategy: DiscoveryStrategy,
    readonly context: StrategyContext,
  ) {}

  get address(): PeerAddress {
    return this.context.self.address;
  }

  discover(): Promise<readonly PeerAddress[]> {
    return inTime(this.strategy.discover(patience()), ANSWER_MS);
  }

  /** A strategy may list its own node, or leave it out. */
  async discoverOthers(): Promise<readonly PeerAddress[]> {
    const own = addressKey(this.address);
    return (await this.discover()).filter((address) => addressKey(address) !== own);
  }

  async announce(): Promise<void> {
    await inTime(this.strategy.announce?.(this.context.self, patience()), ANSWER_MS);
  }

  async withdraw(): Promise<void> {
    await inTime(this.strategy.withdraw?.(this.context.self), WITHDRAW_MS);
  }
}

/** The nodes of one case. */
class Nodes {
  private readonly started: Node[] = [];

  constructor(
    private readonly source: DiscoverySource,
    private readonly addresses: readonly PeerAddress[],
  ) {}

  async start(index: number, self: Partial<DiscoverySelf> = {}): Promise<Node> {
    const incarnation = `00000000000000a${index}`;
    const address = { ...this.addresses[index]!, port: 4_400 + index };
    const context = strategyContext({ incarnation, name: `node-${index}`, address, ...self });
    const node = new Node(this.source.strategy(), context);
    this.started.push(node);
    await inTime(node.strategy.start?.(context), ANSWER_MS);
    return node;
  }

  /** Also one that failed to start. */
  get last(): Node {
    return this.started.at(-1)!;
  }

  async announceAll(): Promise<void> {
    for (const node of this.started) await node.announce();
  }

  async withdrawAll(): Promise<void> {
    for (const node of this.started) await node.withdraw();
  }
}

function keysOf(addresses: readonly PeerAddress[]): string[] {
  return uniqueAddresses(addresses).map(addressKey);
}

/** What was just begun is open only some turns of the loop later. */
async function someTurns(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise<void>((resolve) => void systemClock.afterPoll(resolve));
}

/** How many of each kind of thing keep this process alive, or would. */
function openHandles(): Map<string, number> {
  const kinds = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo()) {
    // Turns of the loop come and go.
    if (kind !== 'Immediate') kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  }
  return kinds;
}

/** Tries until it does not throw; then the last error is thrown. */
async function eventually(check: () => Promise<void> | void, withinMs: number): Promise<void> {
  const deadline = systemClock.now() + withinMs;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (systemClock.now() >= deadline) throw error;
    }
    await new Promise<void>((resolve) => void keepAlive(PAUSE_MS, resolve));
  }
}

function inTime<T>(promise: Promise<T> | T, withinMs: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const cancel = keepAlive(withinMs, () =>
      reject(new assert.AssertionError({ message: `not settled within ${withinMs} ms` })),
    );
    Promise.resolve(promise).then(resolve, reject).finally(cancel);
  });
}

/** A timer that a test waits for must keep its process alive, which those of the library never do. */
function keepAlive(delayMs: number, fn: () => void): () => void {
  // eslint-disable-next-line rookery/time-and-chance -- see above
  const handle = setTimeout(fn, delayMs);
  return () => clearTimeout(handle);
}
