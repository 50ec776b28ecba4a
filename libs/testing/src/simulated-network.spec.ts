import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Connection, DialFailure, KeyRing } from '@rookery/mesh';
import { SeededRandom } from './seeded-random.js';
import { type NetworkTraits, SimulatedNetwork } from './simulated-network.js';
import { VirtualProcess, VirtualTime } from './virtual-time.js';

const PORT = 1;
const KEYS = { use: { id: 'key' } } as unknown as KeyRing;
const EXACT: NetworkTraits = {
  latencyMs: 5,
  jitterMs: 0,
  bufferBytes: 1_000,
  drainMs: 0,
  chunking: 0,
  retransmitMs: 0,
};

/** One end of a connection, and what it saw. */
class End {
  connection: Connection | undefined;
  openedAt: number | undefined;
  closed: string | undefined;
  failure: DialFailure | undefined;
  failedAt: number | undefined;
  readonly chunks: { readonly at: number; readonly text: string }[] = [];

  open(connection: Connection): void {
    this.connection = connection;
    this.openedAt = time.now;
    connection.listen({
      onData: (chunk) => this.chunks.push({ at: time.now, text: chunk.toString() }),
      onClose: (reason) => (this.closed = reason),
    });
  }

  get text(): string {
    return this.chunks.map(({ text }) => text).join('');
  }

  write(text: string, onWritten?: () => void): void {
    this.connection!.write(Buffer.from(text), onWritten);
  }
}

let time: VirtualTime;
let network: SimulatedNetwork;
let processes: Record<'a' | 'b', VirtualProcess>;
let dialler: End;
let acceptor: End;

function setUp(traits: Partial<NetworkTraits> = {}): void {
  time.close();
  time = new VirtualTime();
  network = new SimulatedNetwork(time, new SeededRandom(1), { ...EXACT, ...traits });
  processes = { a: new VirtualProcess(time), b: new VirtualProcess(time) };
  dialler = new End();
  acceptor = new End();
}

beforeEach(() => {
  time = new VirtualTime();
  setUp();
});
afterEach(() => time.close());

const pass = (ms: number): Promise<void> => time.run(time.now + ms);

async function listen(): Promise<void> {
  const transport = network.transport('b', processes.b, KEYS);
  await transport.listen({ host: 'b', port: PORT }, (connection) => acceptor.open(connection));
}

function dial(): { cancel(): void } {
  return network.transport('a', processes.a, KEYS).dial(
    { host: 'b', port: PORT },
    (connection) => dialler.open(connection),
    (failure) => {
      dialler.failure = failure;
      dialler.failedAt = time.now;
    },
  );
}

async function connect(): Promise<void> {
  await listen();
  dial();
  await pass(500);
  expect([dialler.connection, acceptor.connection].every((each) => each !== undefined)).toBe(true);
}

describe('a dial', () => {
  it('takes a round trip and a way for the handshake, and the acceptor hears of it last', async () => {
    await listen();
    dial();
    await pass(100);
    expect([dialler.openedAt, acceptor.openedAt]).toEqual([10, 15]);
    expect(dialler.connection!.isDialled).toBe(true);
    expect(acceptor.connection!.isDialled).toBe(false);
    expect(acceptor.connection!.remote.host).toBe('a');
  });

  it('is refused where nobody listens, after a round trip', async () => {
    dial();
    await pass(100);
    expect(dialler.failure?.kind).toBe('refused');
    expect(dialler.failedAt).toBe(10);
  });

  it.each([
    ['there', 'a', 'b'],
    ['back', 'b', 'a'],
  ])('times out where nothing gets %s, listened to or not', async (_way, from, to) => {
    await listen();
    network.block(from, to);
    dial();
    await pass(5_000);
    expect(dialler.failure?.kind).toBe('timeout');
    expect(dialler.failedAt).toBe(2_000);
    expect(acceptor.connection).toBeUndefined();
  });

  it('goes on when the blackhole is gone in time: a lost SYN is sent again', async () => {
    await listen();
    network.block('a', 'b');
    dial();
    await pass(500);
    network.unblock('a', 'b');
    await pass(1_000);
    expect(dialler.openedAt).toBe(1_010);
  });

  it('times out against a machine without power, and is refused once it has some', async () => {
    await listen();
    network.powerOff('b');
    dial();
    await pass(3_000);
    expect(dialler.failure?.kind).toBe('timeout');
    network.powerOn('b');
    dial();
    await pass(100);
    expect(dialler.failure?.kind).toBe('refused');
  });

  it('waits for a process that is paused: its kernel answers, and the handshake needs more', async () => {
    await listen();
    processes.b.pause(1_500);
    dial();
    await pass(1_400);
    expect([dialler.openedAt, dialler.failure]).toEqual([undefined, undefined]);
    await pass(1_000);
    expect(dialler.openedAt).toBe(1_505);
  });

  it('that was cancelled comes to nothing at either end', async () => {
    await listen();
    const attempt = dial();
    await pass(7);
    attempt.cancel();
    await pass(5_000);
    expect([dialler.connection, dialler.failure, acceptor.connection]).toEqual([undefined, undefined, undefined]);
  });
});

describe('what is written', () => {
  it('arrives later, in order, also with jitter and in pieces', async () => {
    setUp({ jitterMs: 50, chunking: 1 });
    await connect();
    const words = Array.from({ length: 200 }, (_, i) => `word ${i}. `);
    for (const word of words) dialler.write(word);
    const began = time.now;
    await pass(5_000);
    expect(acceptor.text).toBe(words.join(''));
    expect(acceptor.chunks.length).toBeGreaterThan(words.length);
    expect(acceptor.chunks[0]!.at - began).toBeGreaterThanOrEqual(5);
  });

  it('is taken up to what the kernels hold, and the rest waits in the process of the writer', async () => {
    await connect();
    processes.b.pause(1_000);
    const taken: number[] = [];
    for (let i = 0; i < 4; i++) dialler.write('x'.repeat(500), () => taken.push(i));
    await pass(500);
    expect(taken).toEqual([0, 1]);
    expect(dialler.connection!.bufferedBytes).toBe(1_000);
    await pass(1_000);
    expect(taken).toEqual([0, 1, 2, 3]);
    expect(dialler.connection!.bufferedBytes).toBe(0);
    expect(acceptor.text).toHaveLength(2_000);
  });

  it('is never called taken on a connection that was closed', async () => {
    await connect();
    let isTaken = false;
    dialler.write('x'.repeat(900));
    dialler.write('x'.repeat(900), () => (isTaken = true));
    dialler.connection!.destroy('enough');
    await pass(1_000);
    expect(isTaken).toBe(false);
    expect(dialler.closed).toBe('enough');
  });

  it('arrives before the end that comes behind it', async () => {
    await connect();
    dialler.write('last words');
    dialler.connection!.end();
    await pass(100);
    expect(acceptor.text).toBe('last words');
    expect([dialler.closed, acceptor.closed]).toEqual(Array(2).fill('the connection was closed by the peer'));
  });
});

describe('a blackhole', () => {
  it('of one way holds what is written there, and not what comes back; when it is gone, all arrives', async () => {
    await connect();
    network.block('a', 'b');
    dialler.write('there');
    acceptor.write('back');
    await pass(10_000);
    expect([acceptor.text, dialler.text]).toEqual(['', 'back']);
    expect([dialler.closed, acceptor.closed]).toEqual([undefined, undefined]);
    network.unblock('a', 'b');
    await pass(100);
    expect(acceptor.text).toBe('there');
  });

  it('of the way back lets through what kernels hold without an acknowledgement, and no more', async () => {
    await connect();
    network.block('b', 'a');
    for (let i = 0; i < 4; i++) dialler.write('x'.repeat(500));
    await pass(1_000);
    expect(acceptor.text).toHaveLength(1_000);
    network.heal();
    await pass(1_000);
    expect(acceptor.text).toHaveLength(2_000);
  });

  it('of both ways is silence, from which a connection recovers, later by what kernels wait', async () => {
    setUp({ retransmitMs: 1_000 });
    await connect();
    network.block('a', 'b');
    network.block('b', 'a');
    dialler.write('there');
    acceptor.write('back');
    await pass(1_000);
    expect([acceptor.text, dialler.text]).toEqual(['', '']);
    network.heal();
    await pass(1);
    expect([acceptor.text, dialler.text]).toEqual(['', '']);
    await pass(1_100);
    expect([acceptor.text, dialler.text]).toEqual(['there', 'back']);
  });
});

describe('a connection that breaks', () => {
  it('is reset at both ends at once', async () => {
    await connect();
    network.cut('a', 'b');
    await pass(1);
    expect([dialler.closed, acceptor.closed]).toEqual(Array(2).fill('the connection was reset'));
  });

  it('and of which one end is not told stays half-open there, until it says something', async () => {
    await connect();
    network.cut('a', 'b', 'one');
    await pass(60_000);
    expect([dialler.closed, acceptor.closed]).toEqual(['the connection was reset', undefined]);
    acceptor.write('hello?');
    await pass(10);
    expect(acceptor.closed).toBe('the connection was reset');
    expect(dialler.text).toBe('');
  });

  it('and is forgotten in between stays half-open, whatever its one end says', async () => {
    await connect();
    network.cut('a', 'b', 'forgotten');
    acceptor.write('hello?');
    await pass(60_000);
    expect([dialler.closed, acceptor.closed]).toEqual(['the connection was reset', undefined]);
    expect(dialler.text).toBe('');
  });

  it('because a process was killed is told by its kernel', async () => {
    await connect();
    network.kill('b', processes.b);
    await pass(10);
    expect(dialler.closed).toMatch(/closed by the peer|reset/);
    expect(acceptor.closed).toBeUndefined();
  });

  it('because a machine lost its power is told by nobody, before it has power again', async () => {
    await connect();
    processes.b.die();
    network.powerOff('b');
    dialler.write('hello?');
    await pass(60_000);
    expect(dialler.closed).toBeUndefined();
    network.powerOn('b');
    await pass(100);
    expect(dialler.closed).toBe('the connection was reset');
  });
});
