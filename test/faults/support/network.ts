/**
 * A network of its own for one test: hosts that are network namespaces on one bridge, and faults between them. Nothing of
 * it touches the network of the machine: the bridge lies in a namespace, too, and goes with it.
 *
 * A packet is lost where it arrives, as if the wire had lost it: a rule on the way out would tell the sender.
 */
import { execFile, execFileSync } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, it } from '@jest/globals';

const run = promisify(execFile);

/** `run.mjs` sets it, so that it can remove what a test that was killed left behind. */
const PREFIX = process.env['FAULTS_PREFIX'] ?? `rookery-${process.pid}-`;
const MAX_HOSTS = 200;

let networks = 0;

export class Host {
  constructor(
    readonly namespace: string,
    readonly address: string,
  ) {}

  /** Runs a program in this host; resolves with what it printed. */
  async run(program: string, ...args: string[]): Promise<string> {
    return (await run('ip', ['netns', 'exec', this.namespace, program, ...args])).stdout;
  }

  /** How a Node process is started in this host. */
  launch(script: string): { script: string; execPath: string; execArgv: string[] } {
    const execArgv = ['netns', 'exec', this.namespace, process.execPath, '--expose-gc'];
    return { script, execPath: 'ip', execArgv };
  }
}

export class Network {
  private static readonly open = new Set<Network>();
  private readonly hosts: Host[] = [];

  private constructor(private readonly name: string) {}

  static async start(): Promise<Network> {
    const network = new Network(`${PREFIX}${process.pid}-${networks++}`);
    Network.open.add(network);
    await run('ip', ['netns', 'add', network.bridge]);
    await run('ip', ['-n', network.bridge, 'link', 'add', 'bridge', 'type', 'bridge']);
    await run('ip', ['-n', network.bridge, 'link', 'set', 'bridge', 'up']);
    return network;
  }

  /** Removes every network that is still there; for `afterEach`, after the processes. */
  static async closeAll(): Promise<void> {
    for (const network of Network.open) await network.close();
  }

  /** One more host, with the next address. */
  async host(): Promise<Host> {
    const number = this.hosts.length + 1;
    if (number > MAX_HOSTS) throw new Error(`A network has at most ${MAX_HOSTS} hosts.`);
    const host = new Host(`${this.name}-${number}`, `10.77.0.${number}`);
    this.hosts.push(host);
    const { namespace, address } = host;
    const port = `port${number}`;
    await run('ip', ['netns', 'add', namespace]);
    const ends = ['link', 'add', port, 'type', 'veth', 'peer', 'name', 'wire', 'netns', namespace];
    await run('ip', ['-n', this.bridge, ...ends]);
    await run('ip', ['-n', this.bridge, 'link', 'set', port, 'master', 'bridge', 'up']);
    await run('ip', ['-n', namespace, 'address', 'add', `${address}/24`, 'dev', 'wire']);
    await run('ip', ['-n', namespace, 'link', 'set', 'lo', 'up']);
    await run('ip', ['-n', namespace, 'link', 'set', 'wire', 'up']);
    return host;
  }

  /** From here on nothing that any of `some` and any of `others` send each other arrives. */
  async blackhole(some: Host | readonly Host[], others: Host | readonly Host[]): Promise<void> {
    await this.betweenAll(some, others, ['-j', 'DROP']);
  }

  /** From here on nothing that `from` sends arrives at `to`; the other way is as before. */
  async blackholeOneWay(from: Host, to: Host): Promise<void> {
    await this.onArrival(from, to, ['-j', 'DROP']);
  }

  /** From here on every packet between two hosts is answered with a reset: connections break at once, dials are refused. */
  async refuse(one: Host, other: Host): Promise<void> {
    await this.betweenAll(one, other, RESET);
  }

  /** From here on this share of all packets between any two hosts is lost. */
  async lose(share: number): Promise<void> {
    const rule = ['-m', 'statistic', '--mode', 'random', '--probability', String(share), '-j', 'DROP'];
    await Promise.all(this.hosts.map((host) => host.run('iptables', '-w', '-A', 'INPUT', '-i', 'wire', ...rule)));
  }

  /** From here on a host sends no faster than this, and keeps what does not go for at most `queueMs`. */
  async throttle(host: Host, rate: string, queueMs = 400): Promise<void> {
    const args = ['qdisc', 'replace', 'dev', 'wire', 'root', 'tbf', 'rate', rate];
    await host.run('tc', ...args, 'burst', '16kb', 'latency', `${queueMs}ms`);
  }

  /** Everything arrives again, at any speed. */
  async heal(): Promise<void> {
    await Promise.all(this.hosts.map((host) => host.run('iptables', '-w', '-F', 'INPUT')));
  }

  /**
   * Breaks the connections that two hosts have with each other now, by resets, and no others: neither dials nor later
   * connections are touched. Resolves with how many broke, when both ends are gone.
   */
  async reset(one: Host, other: Host, timeoutMs = 10_000): Promise<number> {
    const connections = await this.connections(one, other);
    const rules = connections.flatMap(([port, otherPort]) => [
      { at: other, rule: arriving(one, port, otherPort) },
      { at: one, rule: arriving(other, otherPort, port) },
    ]);
    const change = async (how: '-A' | '-D'): Promise<void> => {
      await Promise.all(rules.map(({ at, rule }) => at.run('iptables', '-w', how, 'INPUT', ...rule)));
    };
    await change('-A');
    const isThere = (pairs: readonly Pair[], [port, otherPort]: Pair): boolean =>
      pairs.some(([one, two]) => one === port && two === otherPort);
    for (const deadline = performance.now() + timeoutMs; ;) {
      const there = await this.connections(one, other);
      const thence = (await this.connections(other, one)).map(([otherPort, port]): Pair => [port, otherPort]);
      if (connections.every((pair) => !isThere(there, pair) && !isThere(thence, pair))) break;
      if (performance.now() > deadline) throw new Error(`Connections stood for ${timeoutMs} ms although reset.`);
    }
    await change('-D');
    return connections.length;
  }

  /** The ports of the connections that stand between two hosts, as the first one sees them. */
  private async connections(one: Host, other: Host): Promise<Pair[]> {
    const lines = await one.run('ss', '-Htn', 'state', 'established', 'dst', other.address);
    return [...lines.matchAll(/^\d+\s+\d+\s+\S+:(\d+)\s+\S+:(\d+)/gm)].map(([, port, otherPort]) => [
      port!,
      otherPort!,
    ]);
  }

  private async betweenAll(
    some: Host | readonly Host[],
    others: Host | readonly Host[],
    rule: readonly string[],
  ): Promise<void> {
    const pairs = [some].flat().flatMap((one) => [others].flat().map((other) => [one, other] as const));
    await Promise.all(
      pairs.flatMap(([one, other]) => [this.onArrival(one, other, rule), this.onArrival(other, one, rule)]),
    );
  }

  private async onArrival(from: Host, to: Host, rule: readonly string[]): Promise<void> {
    await to.run('iptables', '-w', '-A', 'INPUT', '-s', from.address, ...rule);
  }

  private get bridge(): string {
    return `${this.name}-bridge`;
  }

  private async close(): Promise<void> {
    Network.open.delete(this);
    for (const name of [...this.hosts.map(({ namespace }) => namespace), this.bridge]) {
      await run('ip', ['netns', 'delete', name]);
    }
  }
}

type Pair = readonly [port: string, otherPort: string];

/** Answers with a reset, but lets resets through: they are the answers of the other host. */
const RESET = ['-p', 'tcp', '!', '--tcp-flags', 'RST', 'RST', '-j', 'REJECT', '--reject-with', 'tcp-reset'];

const arriving = (from: Host, port: string, otherPort: string): string[] => {
  const [protocol, name, ...rest] = RESET;
  return ['-s', from.address, protocol!, name!, '--sport', port, '--dport', otherPort, ...rest];
};

/** Tests that need networks: skipped, and that loudly, where none can be made; on a CI machine that is a failure. */
export function describeWithNetworks(name: string, tests: () => void): void {
  const reason = networksUnavailable();
  if (reason === undefined) {
    describe(name, tests);
  } else if (process.env['CI']) {
    it(`can test ${name}`, () => {
      throw new Error(`On a CI machine this must not be skipped: ${reason}.`);
    });
  } else {
    process.stderr.write(`SKIPPED: ${name}: ${reason}. Run it as root on Linux, with iproute2 and iptables.\n`);
    describe.skip(`${name} (skipped: ${reason})`, tests);
  }
}

/** Why no network can be made here; undefined when one can. */
function networksUnavailable(): string | undefined {
  if (process.platform !== 'linux') return 'network namespaces are of Linux';
  if (process.getuid?.() !== 0) return 'only root makes network namespaces';
  const namespace = `${PREFIX}${process.pid}-probe`;
  const attempt = (...command: [string, ...string[]]): string | undefined => {
    const [program, ...args] = command;
    try {
      execFileSync(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
      return undefined;
    } catch (error) {
      const { code, stderr } = error as { code?: string; stderr?: Buffer };
      if (code === 'ENOENT') return `there is no program ${program}`;
      return `${command.join(' ')} fails: ${stderr?.toString().trim() ?? String(error)}`;
    }
  };
  const inside = ['netns', 'exec', namespace] as const;
  const reason =
    attempt('ss', '-V') ??
    attempt('tc', '-V') ??
    attempt('iptables', '--version') ??
    attempt('ip', 'netns', 'add', namespace) ??
    attempt('ip', ...inside, 'iptables', '-w', '-A', 'INPUT', ...RESET) ??
    attempt(
      'ip',
      ...inside,
      'tc',
      'qdisc',
      'add',
      'dev',
      'lo',
      'root',
      'tbf',
      'rate',
      '1mbit',
      'burst',
      '16kb',
      'latency',
      '9ms',
    );
  attempt('ip', 'netns', 'delete', namespace);
  return reason;
}
