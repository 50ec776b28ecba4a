/** A few nodes in virtual time, each on a host of its own, whose network a test breaks by hand. */
import type { DiscoveryStrategy, PeerAddress } from 'rookery/discovery';
import { type Gap, MeshNode } from 'rookery/mesh';
import { type KeyRing, makeKeyRing, type Mesh } from '@rookery/mesh';
import { type Logger, silentLogger } from '@rookery/runtime';
import { type NetworkTraits, SeededRandom, SimulatedNetwork, VirtualProcess, VirtualTime } from '@rookery/testing';

const PORT = 4370;
const STEP_MS = 1;

const LAN: NetworkTraits = {
  latencyMs: 1,
  jitterMs: 0.5,
  bufferBytes: 262_144,
  drainMs: 1,
  chunking: 0.05,
  retransmitMs: 1_000,
};

/** Deriving keys is slow on purpose, and nothing here depends on them. */
let keys: Promise<KeyRing> | undefined;

export interface Heard {
  readonly from: string;
  readonly payload: unknown;
  readonly at: number;
}

/** A node, and everything that it was told. */
export interface SmallNode {
  readonly name: string;
  readonly address: PeerAddress;
  readonly process: VirtualProcess;
  readonly node: MeshNode;
  readonly heard: Heard[];
  readonly gaps: Gap[];
  /** `up b`, and so on. */
  readonly events: string[];
  /** What `freshness` said, whenever it was looked at and was not fresh. */
  readonly stale: string[];
}

export class SmallCluster {
  readonly time = new VirtualTime();
  readonly nodes = new Map<string, SmallNode>();
  private readonly random: SeededRandom;
  readonly network: SimulatedNetwork;
  private isWatchingFreshness = false;

  private constructor(
    seed: number,
    private readonly keyRing: KeyRing,
    traits: Partial<NetworkTraits>,
  ) {
    this.random = new SeededRandom(seed);
    this.network = new SimulatedNetwork(this.time, this.random.fork(), { ...LAN, ...traits });
  }

  static async make(seed = 1, traits: Partial<NetworkTraits> = {}): Promise<SmallCluster> {
    keys ??= makeKeyRing({ use: 'a simulated cookie', accept: [] });
    return new SmallCluster(seed, await keys, traits);
  }

  close(): void {
    this.time.close();
  }

  /** Starts a node that knows the addresses of all that were started before; they hear of it from others, or when it dials. */
  start(name: string, logger: Logger = silentLogger): SmallNode {
    const host = `host-${name}`;
    const address = { host, port: PORT };
    const listed = [...this.nodes.values()].map((other) => other.address);
    const process = new VirtualProcess(this.time, this.random.int(0, 1e6));
    const discovery: DiscoveryStrategy = { name: 'listed', pollIntervalMs: 1_000, discover: async () => listed };
    const node = new MeshNode(
      { name, cookie: 'a simulated cookie', listen: address, discovery, logger },
      {
        clock: process,
        random: this.random.fork(),
        makeKeys: () => Promise.resolve(this.keyRing),
        makeTransport: (keyRing) => this.network.transport(host, process, keyRing),
        isThisHost: (other) => other === host,
      },
    );
    const small: SmallNode = { name, address, process, node, heard: [], gaps: [], events: [], stale: [] };
    for (const status of ['up', 'suspect', 'lost', 'left'] as const) {
      node.on(`member.${status}`, ({ member }) => small.events.push(`${status} ${member.name}`));
    }
    node.on('gap', (gap) => small.gaps.push(gap));
    node.subscribe('t', (payload, { from }) => {
      if (from.name !== name) small.heard.push({ from: from.name, payload, at: this.time.now });
    });
    this.nodes.set(name, small);
    process.enter(() => void node.ready());
    return small;
  }

  /** Starts them all, and waits until every one is linked with every other for long enough to be steady. */
  async startAll(...names: string[]): Promise<SmallNode[]> {
    const nodes = names.map((name) => this.start(name));
    await this.until(() => nodes.every(({ node }) => node.members('up').length === names.length - 1), 'a mesh');
    await this.pass(12_000);
    return nodes;
  }

  /** Does something in a node's process, as its program would. */
  do(small: SmallNode, fn: (node: MeshNode) => void): void {
    small.process.enter(() => fn(small.node));
  }

  async pass(ms: number): Promise<void> {
    await this.time.run(this.time.now + ms, (process) => {
      if (!this.isWatchingFreshness) return;
      for (const small of this.nodes.values()) {
        if (small.process !== process) continue;
        const { fresh, reasons } = small.node.freshness();
        if (!fresh) small.stale.push(...reasons);
      }
    });
  }

  async until(condition: () => boolean, what: string, timeoutMs = 20_000): Promise<void> {
    const deadline = this.time.now + timeoutMs;
    while (!condition()) {
      if (this.time.now >= deadline) throw new Error(`Waited ${timeoutMs} virtual ms in vain for: ${what}`);
      await this.pass(STEP_MS);
    }
  }

  /** From here on, looks at the freshness of every node whenever anything has happened to it. */
  watchFreshness(): void {
    this.isWatchingFreshness = true;
  }

  /** Nothing gets from one to the other any more, nor back, and nobody is told. */
  separate(a: SmallNode, b: SmallNode): void {
    this.network.block(a.address.host, b.address.host);
    this.network.block(b.address.host, a.address.host);
  }

  /** Ends what {@link separate} began. */
  reunite(a: SmallNode, b: SmallNode): void {
    this.network.unblock(a.address.host, b.address.host);
    this.network.unblock(b.address.host, a.address.host);
  }

  /** As {@link separate}, and both ends are told at once that what they had is broken. */
  breakOff(a: SmallNode, b: SmallNode): void {
    this.network.cut(a.address.host, b.address.host);
    this.separate(a, b);
  }

  /** The link that a node holds with another: the same object as long as nothing happened to it. */
  linkOf(one: SmallNode, other: SmallNode): unknown {
    for (const link of meshOf(one).bound) if (link.peer?.incarnation === other.node.self.incarnation) return link;
    return undefined;
  }
}

function meshOf({ node }: SmallNode): { readonly bound: Set<{ readonly peer?: { readonly incarnation: string } }> } {
  return (node as unknown as { mesh: Mesh }).mesh as unknown as ReturnType<typeof meshOf>;
}
