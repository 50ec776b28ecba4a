/** One simulated cluster: its nodes on their hosts, what they do, what befalls them, and how it must end. */
import type { DiscoveryStrategy, PeerAddress } from 'rookery/discovery';
import { MeshNode } from 'rookery/mesh';
import { type KeyRing, type Mesh } from '@rookery/mesh';
import { silentLogger, type Logger } from '@rookery/runtime';
import { SeededRandom, SimulatedNetwork, VirtualProcess, VirtualTime } from '@rookery/testing';
import { Cache, type Commit, Database } from './cached-database.js';
import { Hindrances } from './hindrances.js';
import { Judge } from './judge.js';
import type { Life, Slot } from './life.js';
import { Oracle } from './oracle.js';
import { CONVERGENCE_MS, drawPlan, type Fault, type Plan } from './plan.js';

const PORT = 4370;

/** A rule was broken, and no more needs to be seen. */
class Violation extends Error {}

export interface Outcome {
  readonly seed: number;
  readonly failure: string | undefined;
  /** Stale entries of a reader that nobody could have warned: the documented limit of the promise. */
  readonly residue: number;
  readonly steps: number;
  readonly delivered: number;
  readonly replayed: number;
  readonly gaps: number;
}

export class World {
  private readonly time = new VirtualTime();
  private readonly random: SeededRandom;
  readonly plan: Plan;
  private readonly network: SimulatedNetwork;
  private readonly database: Database;
  private readonly oracle: Oracle;
  private readonly hindrances: Hindrances;
  private readonly judge: Judge;
  private readonly slots: Slot[] = [];
  /** Every life there ever was. */
  private readonly lives: Life[] = [];
  /** When which address was, or ceased to be, one of a live node, for the registry. */
  private readonly registry: { readonly at: number; readonly key: string; readonly isThere: boolean }[] = [];
  private discoveryFailsUntil = 0;
  private isCalm = false;
  private failure: string | undefined;

  constructor(
    readonly seed: number,
    private readonly keys: KeyRing,
    private readonly trace: ((line: string) => void) | undefined,
  ) {
    this.random = new SeededRandom(seed);
    this.plan = drawPlan(this.random.fork());
    this.network = new SimulatedNetwork(this.time, this.random.fork(), this.plan.traits);
    this.database = new Database(() => this.time.now);
    this.oracle = new Oracle(
      () => this.time.now,
      (complaint) => this.fail(complaint),
    );
    this.hindrances = new Hindrances(() => this.time.now, this.plan.traits.retransmitMs + 5_000);
    const { time, plan, network, database, oracle, slots, lives, hindrances } = this;
    this.judge = new Judge({ time, plan, network, database, oracle, slots, lives, hindrances }, (what) =>
      this.fail(what),
    );
    for (let i = 1; i <= this.plan.nodes; i++) {
      const address = this.plan.isOneHost ? { host: '10.0.0.1', port: PORT + i } : { host: `10.0.0.${i}`, port: PORT };
      this.slots.push({ name: `n${i}`, address, life: undefined });
    }
  }

  async run(): Promise<Outcome> {
    try {
      await this.live();
    } catch (error) {
      this.failure ??=
        error instanceof Violation ? error.message : String(error instanceof Error ? error.stack : error);
    }
    this.time.close();
    const { delivered, replayed, gaps } = this.oracle;
    const { seed, failure, time } = this;
    return { seed, failure, residue: this.judge.residue, steps: time.steps, delivered, replayed, gaps };
  }

  private async live(): Promise<void> {
    const { plan, time } = this;
    for (const [i, slot] of this.slots.entries()) {
      if (i > 1 && this.random.chance(0.25)) this.startLate(slot);
      else this.later(this.random.between(0, 3_000), () => this.start(slot));
    }
    for (const [fault, every] of plan.faults) this.planFault(fault, every);
    await this.advance(plan.chaosMs);
    this.heal();
    await this.advance(plan.chaosMs + 10_000);
    // Nobody writes any more; what was written must be everywhere, or be missed aloud.
    this.isCalm = true;
    await this.advance(plan.chaosMs + CONVERGENCE_MS);
    this.judge.checkEnd();
    time.close();
  }

  private async advance(until: number): Promise<void> {
    await this.time.run(until, (process) => this.checkStep(process));
    if (this.failure !== undefined) throw new Violation(this.failure);
  }

  private checkStep(process: VirtualProcess | undefined): void {
    if (this.failure !== undefined) throw new Violation(this.failure);
    this.judge.checkStep(process);
  }

  // ---- nodes ------------------------------------------------------------------------------------------------------

  private start(slot: Slot): void {
    const { plan, time } = this;
    const random = this.random.fork();
    const process = new VirtualProcess(time, random.int(0, 1e6));
    const logger = this.trace === undefined ? silentLogger : this.logger(slot.name);
    const discovery: DiscoveryStrategy = {
      name: 'simulated',
      pollIntervalMs: plan.pollIntervalMs,
      discover: async () => {
        const addresses = this.discover(slot);
        life.firstAnswer ??= { at: time.now, keys: addresses.map(({ host, port }) => `${host}:${port}`) };
        return addresses;
      },
    };
    const node = new MeshNode(
      { name: slot.name, cookie: 'a simulated cookie', listen: slot.address, discovery, limits: plan.limits, logger },
      {
        clock: process,
        random,
        makeKeys: () => Promise.resolve(this.keys),
        makeTransport: (keys) => this.network.transport(slot.address.host, process, keys),
        isThisHost: (host) => host === slot.address.host,
      },
    );
    const { incarnation } = node.self;
    const life: Life = {
      slot,
      process,
      node,
      mesh: (node as unknown as { mesh: Mesh }).mesh,
      incarnation,
      cache: new Cache(this.database, process, random, plan.maxLoadMs),
      random,
      startedAt: time.now,
      firstAnswer: undefined,
      readyAt: undefined,
      isLeaving: false,
      unpublished: 0,
      endedAt: undefined,
      slowUntil: 0,
      published: 0,
    };
    this.watchVerdicts(life);
    slot.life = life;
    this.lives.push(life);
    this.tell(slot.name, `starts as ${incarnation}`);
    this.oracle.noteStart(incarnation);
    this.registry.push({ at: time.now, key: slot.name, isThere: true });
    this.listen(life);
    process.enter(() => void this.begin(life));
  }

  private async begin(life: Life): Promise<void> {
    const { node } = life;
    this.readNowAndThen(life);
    await node.ready();
    life.readyAt = this.time.now;
    this.writeNowAndThen(life);
  }

  /** A link that is closed for silence is a verdict, even where nobody is told. */
  private watchVerdicts(life: Life): void {
    const { mesh } = life;
    const onClosed = mesh.onClosed.bind(mesh);
    mesh.onClosed = (link, reason) => {
      if (link.peer !== undefined) this.judge.checkAccusation(life, link.peer.incarnation, reason);
      onClosed(link, reason);
    };
  }

  private listen(life: Life): void {
    const { node, incarnation, cache, oracle, process } = { ...life, oracle: this.oracle };
    for (const status of ['up', 'suspect', 'lost', 'left'] as const) {
      node.on(`member.${status}`, (event) => {
        this.tell(life.slot.name, `${event.member.incarnation} is ${status}: ${event.reason}`);
        oracle.onMember(incarnation, status, event);
        if (status === 'suspect') this.judge.checkAccusation(life, event.member.incarnation, event.reason, true);
      });
    }
    node.on('gap', (gap) => {
      this.tell(life.slot.name, `gap of ${gap.missed ?? '?'} from ${gap.from.incarnation}: ${gap.reason}`);
      oracle.onGap(incarnation, gap);
      cache.flush();
    });
    node.subscribe('row.>', (_payload, { from, seq, replayed }) => {
      oracle.onEvent(incarnation, from.incarnation, seq, replayed);
    });
    node.subscribe('row.changed', (row) => cache.invalidate((row as { key: string }).key));
    // Another one, now and then too slow: it must be a burden to nobody else.
    node.subscribe('row.changed', () => {
      if (process.now() >= life.slowUntil) return undefined;
      return new Promise<void>((resolve) => void process.after(life.random.between(10, 2_000), resolve));
    });
  }

  private readNowAndThen(life: Life): void {
    const { random, process } = life;
    process.after(random.between(0, 2 * this.plan.readEveryMs), () => {
      this.read(life, this.anyRow(random));
      this.readNowAndThen(life);
    });
  }

  private writeNowAndThen(life: Life): void {
    const { random, process } = life;
    process.after(random.between(0, 2 * this.plan.writeEveryMs), () => {
      if (life.isLeaving || this.isCalm) return;
      this.write(life);
      this.writeNowAndThen(life);
    });
  }

  private write(life: Life): void {
    const { random, process, incarnation } = life;
    // The first word of each life is on a row that nobody else writes, and so heals by chance.
    const row = life.published === 0 ? rowOf(life.slot) : `row-${random.int(1, this.plan.keys)}`;
    const commit = this.database.commit(row, incarnation);
    const delayMs = this.plan.maxCommitMs * random.next();
    if (delayMs === 0) this.publish(life, commit);
    else {
      life.unpublished++;
      process.after(delayMs, () => {
        life.unpublished--;
        this.publish(life, commit);
        if (life.isLeaving) this.leaveOnceDrained(life);
      });
    }
    if (random.chance(this.plan.directedShare)) this.whisper(life);
  }

  private anyRow(random: SeededRandom): string {
    const row = random.int(1, this.plan.keys + this.slots.length);
    return row <= this.plan.keys ? `row-${row}` : rowOf(this.slots[row - this.plan.keys - 1]!);
  }

  private publish(life: Life, commit: Commit): void {
    const { node, random, incarnation } = life;
    const filler = 'x'.repeat(random.int(0, this.plan.maxFillerBytes));
    const { key, version } = commit;
    const seq = node.publish('row.changed', { key, version, filler });
    this.oracle.notePublished(incarnation, seq);
    commit.publishedAt = this.time.now;
    commit.seq = seq;
    life.published++;
    this.judge.expectKnown(key, incarnation);
  }

  /** For one member alone: for all others its number is skipped. */
  private whisper(life: Life): void {
    const { node, random, incarnation } = life;
    const members = node.members();
    if (members.length === 0) return;
    const target = random.pick(members);
    this.oracle.notePublished(incarnation, node.publishTo(target, 'row.whisper', {}), target.incarnation);
    life.published++;
  }

  private read(life: Life, key: string): void {
    this.judge.checkServed(life, key, life.cache.read(key));
  }

  // ---- the world --------------------------------------------------------------------------------------------------

  private discover(slot: Slot): PeerAddress[] {
    const { plan, time } = this;
    if (time.now < this.discoveryFailsUntil) throw new Error('no answer');
    if (plan.discovery === 'static') return this.slots.map(({ address }) => address);
    if (plan.discovery === 'seeds') return this.slots.slice(0, 2).map(({ address }) => address);
    const there = new Map<string, boolean>();
    const delayMs = this.isCalm ? 0 : plan.registryDelayMs;
    for (const { at, key, isThere } of this.registry)
      if (at <= time.now - delayMs || key === slot.name) there.set(key, isThere);
    return this.slots.filter(({ name }) => there.get(name) === true).map(({ address }) => address);
  }

  private planFault(fault: Fault, every: number): void {
    this.later(this.random.between(0, 2 * every), () => {
      if (this.time.now >= this.plan.chaosMs) return;
      this.inflict(fault);
      this.planFault(fault, every);
    });
  }

  private inflict(fault: Fault): void {
    const { random, network, plan } = this;
    const [a, b] = this.twoHosts();
    const life = this.anyLife();
    switch (fault) {
      case 'cut':
        this.tell('world', `cut ${a} ${b}`);
        this.judge.expectRelinked(a, b);
        this.hindrances.note(a, 'break', 0);
        this.hindrances.note(b, 'break', 0);
        return network.cut(a, b);
      case 'half-open': {
        const told = random.pick(['one', 'forgotten'] as const);
        this.tell('world', `half-open ${a} ${b} (${told})`);
        this.judge.expectRelinked(a, b);
        this.hindrances.note(a, 'break', 0);
        this.hindrances.note(b, 'break', 0);
        return network.cut(a, b, told);
      }
      case 'blackhole':
        this.judge.expectDetoured(a, b);
        return this.separate([a], [b], true);
      case 'one-way':
        return this.separate([a], [b], false);
      case 'partition': {
        const hosts = this.hosts();
        const side = hosts.filter(() => random.chance(0.5));
        return this.separate(
          side,
          hosts.filter((host) => !side.includes(host)),
          true,
        );
      }
      case 'pause': {
        if (life === undefined) return;
        const duration = random.between(0, plan.maxPauseMs);
        this.tell(life.slot.name, `pauses for ${duration.toFixed(0)} ms`);
        this.hindrances.note(life.slot.address.host, 'pause', duration);
        return life.process.pause(duration);
      }
      case 'kill':
        if (life !== undefined) this.kill(life, false);
        return;
      case 'power-off':
        // All lives of one host would end: that is another fault.
        if (life !== undefined && !plan.isOneHost) this.kill(life, true);
        return;
      case 'leave':
        if (life !== undefined && !life.isLeaving) this.leave(life);
        return;
      case 'clock-step':
        if (life !== undefined) life.process.wallOffsetMs += random.pick([-3_600_000, 3_600_000]);
        return;
      case 'discovery-outage':
        this.discoveryFailsUntil = this.time.now + random.between(0, 15_000);
        return;
      case 'slow-handler':
        if (life !== undefined) life.slowUntil = life.process.now() + random.between(0, 5_000);
        return;
      case 'stillborn':
        if (life !== undefined) this.startInVain(life);
        return;
      case 'strand':
        if (life !== undefined && !plan.isOneHost) this.strand(life);
        return;
      case 'burst':
        if (life === undefined || life.readyAt === undefined || life.isLeaving) return;
        life.process.enter(() => {
          for (let i = random.int(10, 100); i > 0 && !life.isLeaving; i--) this.write(life);
        });
        return;
    }
  }

  private separate(some: readonly string[], others: readonly string[], isBothWays: boolean): void {
    const { random, network, plan } = this;
    const duration = random.between(0, plan.maxBlackholeMs);
    this.tell('world', `${some.join()} ${isBothWays ? '|' : '>'} ${others.join()} for ${duration.toFixed(0)} ms`);
    for (const a of some) {
      for (const b of others) {
        if (a === b) continue;
        network.block(a, b);
        if (isBothWays) network.block(b, a);
        this.hindrances.note(a, 'network', duration);
        this.hindrances.note(b, 'network', duration);
        this.later(duration, () => {
          network.unblock(a, b);
          if (isBothWays) network.unblock(b, a);
        });
      }
    }
  }

  /** A node that nobody waits for: it comes late, and may be gone again before anybody has heard of it. */
  private startLate(slot: Slot): void {
    this.later(this.random.between(4_000, 36_000), () => {
      if (slot.life !== undefined || this.time.now >= this.plan.chaosMs) return;
      this.start(slot);
      const { life } = slot;
      if (life === undefined || this.random.chance(0.3)) return;
      this.later(this.random.between(50, 1_500), () => {
        if (slot.life === life) this.kill(life, false, this.plan.chaosMs);
      });
    });
  }

  /** A node restarts, and dies before it has done much. */
  private startInVain(life: Life): void {
    this.kill(life, false, 0);
    this.later(this.random.between(50, 2_000), () => {
      const { life: next } = life.slot;
      if (next !== undefined && this.time.now < this.plan.chaosMs) this.kill(next, false);
    });
  }

  /** A node restarts cut off from everybody, and finds its way back to one after the other; meanwhile somebody else comes and goes. */
  private strand(life: Life): void {
    const { random, network, plan } = this;
    const { host } = life.slot.address;
    this.tell(life.slot.name, 'is stranded');
    this.kill(life, false, 0);
    let duration = random.between(0, plan.maxBlackholeMs);
    for (const other of this.hosts().filter((each) => each !== host)) {
      network.block(host, other);
      network.block(other, host);
      this.hindrances.note(other, 'network', duration);
      this.later(duration, () => {
        network.unblock(host, other);
        network.unblock(other, host);
      });
      duration += random.between(0, 12_000);
    }
    this.hindrances.note(host, 'network', duration);
    this.later(random.between(0, duration), () => {
      const guest = this.anyLife();
      if (guest === undefined || guest.slot === life.slot) return;
      this.kill(guest, false, 0);
      this.later(random.between(500, 6_000), () => {
        const { life: next } = guest.slot;
        if (next === undefined || this.time.now >= plan.chaosMs) return;
        if (random.chance(0.5)) this.kill(next, false);
        else if (!next.isLeaving) this.leave(next);
      });
    });
  }

  private kill(life: Life, isPowerOff: boolean, backInMs = this.random.between(0, 8_000)): void {
    const { slot, process } = life;
    const { host } = slot.address;
    this.tell(slot.name, isPowerOff ? 'loses power' : 'is killed');
    life.endedAt = this.time.now;
    this.hindrances.note(host, 'end', 0);
    if (isPowerOff) {
      process.die();
      this.network.powerOff(host);
      this.hindrances.note(host, 'network', 0);
    } else this.network.kill(host, process);
    this.end(life, isPowerOff ? backInMs * 2 + 1_000 : backInMs);
  }

  private leave(life: Life): void {
    this.tell(life.slot.name, 'leaves');
    life.isLeaving = true;
    this.leaveOnceDrained(life);
  }

  private leaveOnceDrained(life: Life): void {
    if (life.unpublished > 0) return;
    life.process.enter(() => {
      void life.node.leave().then(() => {
        if (life.endedAt !== undefined) return;
        life.endedAt = this.time.now;
        this.tell(life.slot.name, 'has left');
        this.network.kill(life.slot.address.host, life.process);
        this.end(life, this.random.between(0, 8_000));
      });
    });
  }

  private end(life: Life, backInMs: number): void {
    const { slot } = life;
    slot.life = undefined;
    this.registry.push({ at: this.time.now, key: slot.name, isThere: false });
    this.later(backInMs, () => this.restart(slot));
  }

  private restart(slot: Slot): void {
    if (slot.life !== undefined) return;
    this.network.powerOn(slot.address.host);
    this.start(slot);
  }

  private heal(): void {
    this.tell('world', 'is healed');
    this.network.heal();
    this.discoveryFailsUntil = 0;
    for (const slot of this.slots) this.restart(slot);
    for (const { process } of this.lives) process.pausedUntil = Math.min(process.pausedUntil, this.time.now);
  }

  // ---- small things -----------------------------------------------------------------------------------------------

  private later(delayMs: number, fn: () => void): void {
    this.time.plan(delayMs, 0, undefined, fn);
  }

  private hosts(): string[] {
    return [...new Set(this.slots.map(({ address }) => address.host))];
  }

  private twoHosts(): [string, string] {
    const hosts = this.hosts();
    const a = this.random.pick(hosts);
    return [a, hosts.length === 1 ? a : this.random.pick(hosts.filter((host) => host !== a))];
  }

  private anyLife(): Life | undefined {
    return this.random.pick(this.slots).life;
  }

  private fail(what: string): void {
    this.failure ??= `at ${this.time.now.toFixed(1)} ms: ${what}`;
  }

  private tell(who: string, what: string): void {
    this.trace?.(`${this.time.now.toFixed(1).padStart(9)} ${who.padEnd(5)} ${what}`);
  }

  private logger(name: string): Logger {
    const write = (level: string) => (message: string) => this.tell(name, `${level} ${message}`);
    return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
  }
}

function rowOf({ name }: Slot): string {
  return `row-of-${name}`;
}
