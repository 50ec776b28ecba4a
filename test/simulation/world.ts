/** One simulated cluster: its nodes on their hosts, what they do, what befalls them, and how it must end. */
import type { DiscoveryStrategy, PeerAddress } from 'rookery/discovery';
import { MeshNode } from 'rookery/mesh';
import { type KeyRing, type Mesh } from '@rookery/mesh';
import { silentLogger, type Logger } from '@rookery/runtime';
import { SeededRandom, SimulatedNetwork, VirtualProcess, VirtualTime } from '@rookery/testing';
import { Cache, type Commit, Database } from './cached-database.js';
import { Oracle } from './oracle.js';
import { CONVERGENCE_MS, drawPlan, type Fault, type Plan } from './plan.js';

const PORT = 4370;
/** What a fresh node may lack, counted from the publication: the stale limit of so few nodes, and a moment to tell others. */
const FRESH_BOUND_MS = 6_000 + 1;
/** A link that stood so long is steady, and is dialled anew at once. */
const STEADY_MS = 11_000;
const RELINK_MS = 3_000;
/** What is published from then on, after a blackhole, is at the other end this much later, if anybody can carry it. */
const DETOUR_AFTER_MS = 1_000;
const DETOURED_MS = 2_000;
/** Through less than this, nothing gets soon. */
const MIN_DETOUR_BUFFER_BYTES = 16_384;
/** So long after a link was bound, both ends know whom the other one knows. */
const TOLD_MS = 1_000;
/** More timers than this in one process are a leak. */
const MAX_TIMERS = 600;
/** More log than this beyond the window is a leak: segments are let go whole. */
const LOG_SLACK_BYTES = 64 * 1024;

/** One start of a node. */
interface Life {
  readonly slot: Slot;
  readonly process: VirtualProcess;
  readonly node: MeshNode;
  readonly mesh: Mesh;
  readonly incarnation: string;
  readonly cache: Cache;
  readonly random: SeededRandom;
  readonly startedAt: number;
  /** Its first discovery answer, once there was one. */
  firstAnswer: { readonly at: number; readonly keys: readonly string[] } | undefined;
  /** When the barrier at its start let it go on. */
  readyAt: number | undefined;
  isLeaving: boolean;
  /** Commits that were not published yet: a service finishes its requests before it says goodbye. */
  unpublished: number;
  endedAt: number | undefined;
  slowUntil: number;
  published: number;
}

/** A name and an address: one life after the other. */
interface Slot {
  readonly name: string;
  readonly address: PeerAddress;
  life: Life | undefined;
  isRestarting: boolean;
}

/** What keeps two nodes apart, in contrast to a connection that breaks. */
const ALL_KINDS = ['network', 'pause', 'end', 'break'] as const;
const LASTING = ['network', 'pause', 'end'] as const;

interface Hindrance {
  readonly host: string;
  readonly kind: 'network' | 'pause' | 'end' | 'break';
  readonly from: number;
  readonly to: number;
}

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
  private readonly slots: Slot[] = [];
  /** Every life there ever was. */
  private readonly lives: Life[] = [];
  /** When which address was, or ceased to be, one of a live node, for the registry. */
  private readonly registry: { readonly at: number; readonly key: string; readonly isThere: boolean }[] = [];
  private discoveryFailsUntil = 0;
  private isCalm = false;
  private readonly lastCut = new Map<string, number>();
  private failure: string | undefined;
  private residue = 0;
  /** What stood in the way of a host, or of what runs there, from when to when: who was hindered then may be excused. */
  private readonly hindrances: Hindrance[] = [];

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
    for (let i = 1; i <= this.plan.nodes; i++) {
      const address = this.plan.isOneHost ? { host: '10.0.0.1', port: PORT + i } : { host: `10.0.0.${i}`, port: PORT };
      this.slots.push({ name: `n${i}`, address, life: undefined, isRestarting: false });
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
    const { seed, failure, residue, time } = this;
    return { seed, failure, residue, steps: time.steps, delivered, replayed, gaps };
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
    this.checkEnd();
    time.close();
  }

  private async advance(until: number): Promise<void> {
    await this.time.run(until, (process) => this.checkStep(process));
    if (this.failure !== undefined) throw new Violation(this.failure);
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
      if (link.peer !== undefined) this.checkAccusation(life, link.peer.incarnation, reason);
      onClosed(link, reason);
    };
  }

  private listen(life: Life): void {
    const { node, incarnation, cache, oracle, process } = { ...life, oracle: this.oracle };
    for (const status of ['up', 'suspect', 'lost', 'left'] as const) {
      node.on(`member.${status}`, (event) => {
        this.tell(life.slot.name, `${event.member.incarnation} is ${status}: ${event.reason}`);
        oracle.onMember(incarnation, status, event);
        if (status === 'suspect') this.checkAccusation(life, event.member.incarnation, event.reason, true);
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
    this.later(FRESH_BOUND_MS + 1, () => {
      // Where the origin is no more, nobody will hear of it by chance.
      if (this.isLiving(incarnation)) return;
      for (const { life: reader } of this.slots) {
        if (reader?.readyAt !== undefined && reader.process.pausedUntil <= this.time.now) {
          this.checkServed(reader, key, reader.cache.entries.get(key));
        }
      }
    });
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
    this.checkServed(life, key, life.cache.read(key));
  }

  /** What a node serves as fresh must not be older than freshness allows. */
  private checkServed(life: Life, key: string, version: number | undefined): void {
    if (version === undefined || !life.node.freshness().fresh) return;
    const next = this.database.history(key)[version];
    if (next?.publishedAt === undefined || this.time.now - next.publishedAt <= FRESH_BOUND_MS) return;
    // Freshness speaks of the nodes that are known, or must be.
    if (life.mesh.member(next.by) === undefined && (this.isLiving(next.by) || this.isExcused(life, next))) return;
    const age = Math.round(this.time.now - next.publishedAt);
    this.fail(
      `${life.slot.name} is fresh, and serves ${key} ${version} although ${next.by} published ${version + 1} ${age} ms ago`,
    );
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
        this.expectRelinked(a, b);
        this.hinder(a, 'break', 0);
        this.hinder(b, 'break', 0);
        return network.cut(a, b);
      case 'half-open': {
        const told = random.pick(['one', 'forgotten'] as const);
        this.tell('world', `half-open ${a} ${b} (${told})`);
        this.expectRelinked(a, b);
        this.hinder(a, 'break', 0);
        this.hinder(b, 'break', 0);
        return network.cut(a, b, told);
      }
      case 'blackhole':
        this.expectDetoured(a, b);
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
        this.hinder(life.slot.address.host, 'pause', duration);
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
        this.hinder(a, 'network', duration);
        this.hinder(b, 'network', duration);
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
      this.hinder(other, 'network', duration);
      this.later(duration, () => {
        network.unblock(host, other);
        network.unblock(other, host);
      });
      duration += random.between(0, 12_000);
    }
    this.hinder(host, 'network', duration);
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
    this.hinder(host, 'end', 0);
    if (isPowerOff) {
      process.die();
      this.network.powerOff(host);
      this.hinder(host, 'network', 0);
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

  /** Nothing else being in the way, two nodes whose steady link breaks have another one soon. */
  private expectRelinked(a: string, b: string): void {
    if (this.plan.isOneHost) return;
    const { now } = this.time;
    this.lastCut.set(`${a} ${b}`, now).set(`${b} ${a}`, now);
    const [one, other] = [a, b].map((host) => this.slots.find(({ address }) => address.host === host)!.life);
    if (one === undefined || other === undefined) return;
    const hosts = new Set([a, b]);
    if (!this.isSteady(one, other)) return;
    if (this.wereHindered(hosts, now)) return;
    this.later(RELINK_MS, () => {
      const isSame = one.slot.life === one && other.slot.life === other && !one.isLeaving && !other.isLeaving;
      // Another cut of the same two begins the wait anew.
      const isLast = this.lastCut.get(`${a} ${b}`) === now;
      if (!isSame || !isLast || this.wereHindered(hosts, now) || this.isLinked(one, other)) return;
      this.fail(`${one.slot.name} and ${other.slot.name} have no link ${RELINK_MS} ms after theirs broke`);
    });
  }

  /** Where a third node hears both, nothing else being in the way, what one publishes reaches the other all the same, and soon. */
  private expectDetoured(a: string, b: string): void {
    if (this.plan.isOneHost || this.plan.traits.bufferBytes < MIN_DETOUR_BUFFER_BYTES) return;
    const { now } = this.time;
    const lives = this.slots.flatMap(({ life }) => (life === undefined ? [] : [life]));
    const [one, other] = [a, b].map((host) => lives.find(({ slot }) => slot.address.host === host));
    if (one === undefined || other === undefined || !this.isSteady(one, other)) return;
    const third = lives.find(
      (life) => life !== one && life !== other && this.isSteady(life, one) && this.isSteady(life, other),
    );
    if (third === undefined) return;
    const all = [one, other, third];
    const hosts = new Set(all.map(({ slot }) => slot.address.host));
    if (this.wereHindered(hosts, now, ALL_KINDS)) return;
    const earlier = this.hindrances.length;
    const isUndisturbed = (): boolean => {
      // The blackhole itself is the first that follows, at both ends.
      const later = this.hindrances.slice(earlier + 2).some(({ host }) => hosts.has(host));
      return !later && all.every((life) => life.slot.life === life && !life.isLeaving);
    };
    this.later(DETOUR_AFTER_MS, () => {
      const published = this.oracle.publishedBy(one.incarnation);
      this.later(DETOURED_MS, () => {
        if (!isUndisturbed()) return;
        if (this.oracle.hasUpTo(other.incarnation, one.incarnation, published)) return;
        this.fail(
          `${other.slot.name} has not heard what ${one.slot.name} published, although ${third.slot.name} hears both`,
        );
      });
    });
  }

  private isLiving(incarnation: string): boolean {
    return this.slots.some(({ life }) => life?.incarnation === incarnation);
  }

  private isSteady(one: Life, other: Life): boolean {
    return this.linkAge(one, other) >= STEADY_MS && this.linkAge(other, one) >= STEADY_MS;
  }

  private isLinked(one: Life, other: Life): boolean {
    return this.linkAge(one, other) >= 0 && this.linkAge(other, one) >= 0;
  }

  /** How long `one` holds a link to `other`; negative when it holds none. */
  private linkAge(one: Life, other: Life): number {
    for (const { peer, boundAt } of this.boundLinks(one)) {
      if (peer?.incarnation === other.incarnation) return one.process.now() - boundAt;
    }
    return -1;
  }

  private boundLinks(
    life: Life,
  ): Iterable<{ readonly peer?: { readonly incarnation: string; readonly link?: unknown }; readonly boundAt: number }> {
    return (life.mesh as unknown as { bound: Set<{ peer?: { incarnation: string; link?: unknown }; boundAt: number }> })
      .bound;
  }

  // ---- what must hold ---------------------------------------------------------------------------------------------

  private checkStep(process: VirtualProcess | undefined): void {
    if (this.failure !== undefined) throw new Violation(this.failure);
    if (this.network.mostPendingWrites > 1)
      this.fail('a link was written to although its last slice was not taken yet');
    if (process === undefined) return;
    const life = this.slots.find((slot) => slot.life?.process === process)?.life;
    if (life === undefined) return;
    if (process.timers > MAX_TIMERS) this.fail(`${life.slot.name} has ${process.timers} timers`);
    for (const link of this.boundLinks(life)) {
      if (link.peer?.link !== link) this.fail(`${life.slot.name} holds two bound links to one member`);
    }
    const window = this.plan.limits.windowBytes! + LOG_SLACK_BYTES;
    if (life.mesh.log.bytes > window) this.fail(`${life.slot.name} holds a log of ${life.mesh.log.bytes} bytes`);
  }

  /** Silence is held against a peer only if it was silent, and nothing at all by whoever was away itself. */
  private checkAccusation(accuser: Life, incarnation: string, reason: string, isTold = false): void {
    if (/^(protocol )?error/.test(reason))
      this.fail(`${accuser.slot.name} could not make sense of ${incarnation}: ${reason}`);
    const { now } = this.time;
    const { host } = accuser.slot.address;
    const pause = this.hindrances.find((each) => each.host === host && each.kind === 'pause' && now - each.to < 1_000);
    const wasAway = pause !== undefined && pause.to <= now && pause.to - pause.from > 1_300;
    const isSilence = reason.startsWith('silent');
    if ((!wasAway || !isTold) && !isSilence) return;
    const accused = this.lives.find((life) => life.incarnation === incarnation)!;
    const since = (wasAway ? pause.from : now) - 6_000;
    const theirs = new Set([accused.slot.address.host]);
    if (accused.endedAt !== undefined || accused.isLeaving || this.wereHindered(theirs, since, ALL_KINDS)) return;
    if (this.wereHindered(new Set([host]), since, ['network', 'break'])) return;
    this.fail(`${accuser.slot.name} accuses ${accused.slot.name}, which was in nobody's way: ${reason}`);
  }

  private checkEnd(): void {
    const living = this.slots.map(({ life }) => life!);
    for (const life of living) {
      const { name } = life.slot;
      const others = living.filter((other) => other !== life);
      const expected = others.map(({ incarnation }) => incarnation).sort();
      const members = life.node.members();
      const seen = members
        .map(({ incarnation, status }) => (status === 'up' ? incarnation : `${incarnation} ${status}`))
        .sort();
      if (seen.join() !== expected.join()) this.fail(`${name} sees ${seen.join()} instead of ${expected.join()}`);
      const { fresh, reasons } = life.node.freshness();
      if (!fresh) this.fail(`${name} is not fresh: ${reasons.join(' ')}`);
      for (const origin of this.lives) {
        if (this.oracle.knows(life.incarnation, origin.incarnation)) {
          this.oracle.checkComplete(life.incarnation, origin.incarnation);
        }
      }
      this.checkCache(life);
    }
  }

  private checkCache(life: Life): void {
    for (const [key, version] of life.cache.entries) {
      const next = this.database.history(key)[version];
      if (next === undefined) continue;
      if (this.isExcused(life, next)) this.residue++;
      else {
        const told = next.publishedAt === undefined ? 'never published' : `published at ${next.publishedAt.toFixed(0)}`;
        this.fail(
          `${life.slot.name} holds ${key} ${version} for ever; ${next.by} wrote ${version + 1} at ${next.at.toFixed(0)}, ${told}`,
        );
      }
    }
  }

  /**
   * The documented limit: an origin that lived, wrote and died while nobody whom the reader has met since ever heard of it.
   * Where nobody at all did, it must have been hindered: the barrier of readiness keeps it from writing unheard.
   */
  private isExcused(reader: Life, commit: Commit): boolean {
    const origin = this.lives.find(({ incarnation }) => incarnation === commit.by)!;
    if (origin.endedAt === undefined || this.oracle.knows(reader.incarnation, origin.incarnation)) return false;
    let isHeard = false;
    for (const witness of this.lives) {
      if (witness === origin || witness === reader) continue;
      const heardAt = this.oracle.lastToldAt(witness.incarnation, origin.incarnation);
      if (heardAt === undefined) continue;
      isHeard = true;
      if (!this.oracle.knowsEnd(witness.incarnation, origin.incarnation)) continue;
      const metAt = this.oracle.lastToldAt(reader.incarnation, witness.incarnation);
      // Whoever knows of the end tells everybody that it is linked with.
      const isLinked = this.linkAge(witness, reader) > TOLD_MS && this.time.now > heardAt + TOLD_MS;
      if (isLinked || (metAt ?? 0) > heardAt + TOLD_MS) return false;
    }
    return isHeard || this.wasHindered(origin, commit);
  }

  /** Whether nobody could have heard the origin before it wrote: nobody was there whom it had reason to wait for. */
  private wasHindered(origin: Life, { at }: Commit): boolean {
    const { startedAt, readyAt, firstAnswer, slot } = origin;
    // It knew of nobody.
    if (firstAnswer === undefined || firstAnswer.at > at) return true;
    // Its discovery was out of order when it was ready, and so nobody was waited for; it had only just heard of somebody.
    if (firstAnswer.at > (readyAt ?? 0) && at <= firstAnswer.at + TOLD_MS) return true;
    const isHindered = (where: string): boolean =>
      this.hindrances.some(
        ({ host, kind, from, to }) => host === where && kind !== 'end' && from <= at && to >= startedAt,
      );
    if (isHindered(slot.address.host)) return true;
    return !this.lives.some((witness) => {
      const { host, port } = witness.slot.address;
      const wasThere = witness.startedAt < startedAt - 1_000 && (witness.endedAt ?? at + 1_001) > at + 1_000;
      if (!wasThere || witness.isLeaving || !firstAnswer.keys.includes(`${host}:${port}`)) return false;
      return !isHindered(host);
    });
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

  private hinder(host: string, kind: Hindrance['kind'], durationMs: number): void {
    const { now } = this.time;
    this.hindrances.push({ host, kind, from: now, to: now + durationMs });
  }

  /** Whether anything of these kinds stood in the way of these hosts, or was not mended yet, at any time since `since`. */
  private wereHindered(
    hosts: ReadonlySet<string>,
    since: number,
    kinds: readonly Hindrance['kind'][] = LASTING,
  ): boolean {
    // What a blackhole held back comes late, and what broke mends itself only after a while.
    const mendMs = this.plan.traits.retransmitMs + 5_000;
    return this.hindrances.some(
      ({ host, kind, to }) => hosts.has(host) && kinds.includes(kind) && to + mendMs >= since,
    );
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
