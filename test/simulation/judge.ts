/**
 * What must hold beyond what the oracle counts: bounds of memory, verdicts with a reason, links and detours that come soon,
 * caches that are as fresh as they say, and at the end a cluster that is whole. Whoever was hindered is excused.
 */
import type { SimulatedNetwork, VirtualProcess, VirtualTime } from '@rookery/testing';
import type { Commit, Database } from './cached-database.js';
import { ALL_KINDS, type Hindrances } from './hindrances.js';
import { boundLinks, isLinked, isSteady, type Life, linkAge, type Slot } from './life.js';
import type { Oracle } from './oracle.js';
import type { Plan } from './plan.js';

/** What a fresh node may lack, counted from the publication: the stale limit of so few nodes, and a moment to tell others. */
const FRESH_BOUND_MS = 6_000 + 1;
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

/** What the judge looks at. It changes nothing of it. */
interface Scene {
  readonly time: VirtualTime;
  readonly plan: Plan;
  readonly network: SimulatedNetwork;
  readonly database: Database;
  readonly oracle: Oracle;
  readonly slots: readonly Slot[];
  /** Every life there ever was. */
  readonly lives: readonly Life[];
  readonly hindrances: Hindrances;
}

export class Judge {
  private readonly lastCut = new Map<string, number>();
  /** Stale entries of a reader that nobody could have warned: the documented limit of the promise. */
  residue = 0;

  constructor(
    private readonly scene: Scene,
    /** A rule was broken. */
    private readonly fail: (what: string) => void,
  ) {}

  /** After every step of the simulation, of this process if it was one's. */
  checkStep(process: VirtualProcess | undefined): void {
    const { network, slots, plan } = this.scene;
    if (network.mostPendingWrites > 1) this.fail('a link was written to although its last slice was not taken yet');
    if (process === undefined) return;
    const life = slots.find((slot) => slot.life?.process === process)?.life;
    if (life === undefined) return;
    if (process.timers > MAX_TIMERS) this.fail(`${life.slot.name} has ${process.timers} timers`);
    for (const link of boundLinks(life)) {
      if (link.peer?.link !== link) this.fail(`${life.slot.name} holds two bound links to one member`);
    }
    const window = plan.limits.windowBytes! + LOG_SLACK_BYTES;
    if (life.mesh.log.bytes > window) this.fail(`${life.slot.name} holds a log of ${life.mesh.log.bytes} bytes`);
  }

  /** Silence is held against a peer only if it was silent, and nothing at all by whoever was away itself. */
  checkAccusation(accuser: Life, incarnation: string, reason: string, isTold = false): void {
    if (/^(protocol )?error/.test(reason))
      this.fail(`${accuser.slot.name} could not make sense of ${incarnation}: ${reason}`);
    const { lives, hindrances } = this.scene;
    const { now } = this.scene.time;
    const { host } = accuser.slot.address;
    const pause = hindrances.recentPause(host);
    const wasAway = pause !== undefined && pause.to <= now && pause.to - pause.from > 1_300;
    const isSilence = reason.startsWith('silent');
    if ((!wasAway || !isTold) && !isSilence) return;
    const accused = lives.find((life) => life.incarnation === incarnation)!;
    const since = (wasAway ? pause.from : now) - 6_000;
    const theirs = new Set([accused.slot.address.host]);
    if (accused.endedAt !== undefined || accused.isLeaving) return;
    if (hindrances.stoodInTheWay(theirs, since, ALL_KINDS)) return;
    if (hindrances.stoodInTheWay(new Set([host]), since, ['network', 'break'])) return;
    this.fail(`${accuser.slot.name} accuses ${accused.slot.name}, which was in nobody's way: ${reason}`);
  }

  /** Once all is healed and quiet. */
  checkEnd(): void {
    const { slots, lives, oracle } = this.scene;
    const living = slots.map(({ life }) => life!);
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
      for (const origin of lives) {
        if (oracle.knows(life.incarnation, origin.incarnation)) {
          oracle.checkComplete(life.incarnation, origin.incarnation);
        }
      }
      this.checkCache(life);
    }
  }

  private checkCache(life: Life): void {
    for (const [key, version] of life.cache.entries) {
      const next = this.scene.database.history(key)[version];
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
    const { lives, oracle, time } = this.scene;
    const origin = lives.find(({ incarnation }) => incarnation === commit.by)!;
    if (origin.endedAt === undefined || oracle.knows(reader.incarnation, origin.incarnation)) return false;
    let isHeard = false;
    for (const witness of lives) {
      if (witness === origin || witness === reader) continue;
      const heardAt = oracle.lastToldAt(witness.incarnation, origin.incarnation);
      if (heardAt === undefined) continue;
      isHeard = true;
      if (!oracle.knowsEnd(witness.incarnation, origin.incarnation)) continue;
      const metAt = oracle.lastToldAt(reader.incarnation, witness.incarnation);
      // Whoever knows of the end tells everybody that it is linked with.
      const isLinked = linkAge(witness, reader) > TOLD_MS && time.now > heardAt + TOLD_MS;
      if (isLinked || (metAt ?? 0) > heardAt + TOLD_MS) return false;
    }
    return isHeard || this.wasHindered(origin, commit);
  }

  /** Whether nobody could have heard the origin before it wrote: nobody was there whom it had reason to wait for. */
  private wasHindered(origin: Life, { at }: Commit): boolean {
    const { hindrances, lives } = this.scene;
    const { startedAt, readyAt, firstAnswer, slot } = origin;
    // It knew of nobody.
    if (firstAnswer === undefined || firstAnswer.at > at) return true;
    // Its discovery was out of order when it was ready, and so nobody was waited for; it had only just heard of somebody.
    if (firstAnswer.at > (readyAt ?? 0) && at <= firstAnswer.at + TOLD_MS) return true;
    if (hindrances.wasHindered(slot.address.host, startedAt, at)) return true;
    return !lives.some((witness) => {
      const { host, port } = witness.slot.address;
      const wasThere = witness.startedAt < startedAt - 1_000 && (witness.endedAt ?? at + 1_001) > at + 1_000;
      if (!wasThere || witness.isLeaving || !firstAnswer.keys.includes(`${host}:${port}`)) return false;
      return !hindrances.wasHindered(host, startedAt, at);
    });
  }

  /** What a node serves as fresh must not be older than freshness allows. */
  checkServed(life: Life, key: string, version: number | undefined): void {
    if (version === undefined || !life.node.freshness().fresh) return;
    const { database, time } = this.scene;
    const next = database.history(key)[version];
    if (next?.publishedAt === undefined || time.now - next.publishedAt <= FRESH_BOUND_MS) return;
    // Freshness speaks of the nodes that are known, or must be.
    if (life.mesh.member(next.by) === undefined && (this.isLiving(next.by) || this.isExcused(life, next))) return;
    const age = Math.round(time.now - next.publishedAt);
    this.fail(
      `${life.slot.name} is fresh, and serves ${key} ${version} although ${next.by} published ${version + 1} ${age} ms ago`,
    );
  }

  /** What was published must be known, or be missed aloud, even where the origin is no more and nobody hears of it by chance. */
  expectKnown(key: string, origin: string): void {
    const { slots, time } = this.scene;
    this.later(FRESH_BOUND_MS + 1, () => {
      if (this.isLiving(origin)) return;
      for (const { life: reader } of slots) {
        if (reader?.readyAt !== undefined && reader.process.pausedUntil <= time.now) {
          this.checkServed(reader, key, reader.cache.entries.get(key));
        }
      }
    });
  }

  /** Nothing else being in the way, two nodes whose steady link breaks have another one soon. */
  expectRelinked(a: string, b: string): void {
    const { plan, slots, hindrances, time } = this.scene;
    if (plan.isOneHost) return;
    const { now } = time;
    this.lastCut.set(`${a} ${b}`, now).set(`${b} ${a}`, now);
    const [one, other] = [a, b].map((host) => slots.find(({ address }) => address.host === host)!.life);
    if (one === undefined || other === undefined) return;
    const hosts = new Set([a, b]);
    if (!isSteady(one, other)) return;
    if (hindrances.stoodInTheWay(hosts, now)) return;
    this.later(RELINK_MS, () => {
      const isSame = one.slot.life === one && other.slot.life === other && !one.isLeaving && !other.isLeaving;
      // Another cut of the same two begins the wait anew.
      const isLast = this.lastCut.get(`${a} ${b}`) === now;
      if (!isSame || !isLast || hindrances.stoodInTheWay(hosts, now) || isLinked(one, other)) return;
      this.fail(`${one.slot.name} and ${other.slot.name} have no link ${RELINK_MS} ms after theirs broke`);
    });
  }

  /** Where a third node hears both, nothing else being in the way, what one publishes reaches the other all the same, and soon. */
  expectDetoured(a: string, b: string): void {
    const { plan, slots, hindrances, oracle, time } = this.scene;
    if (plan.isOneHost || plan.traits.bufferBytes < MIN_DETOUR_BUFFER_BYTES) return;
    const { now } = time;
    const lives = slots.flatMap(({ life }) => (life === undefined ? [] : [life]));
    const [one, other] = [a, b].map((host) => lives.find(({ slot }) => slot.address.host === host));
    if (one === undefined || other === undefined || !isSteady(one, other)) return;
    const third = lives.find((life) => life !== one && life !== other && isSteady(life, one) && isSteady(life, other));
    if (third === undefined) return;
    const all = [one, other, third];
    const hosts = new Set(all.map(({ slot }) => slot.address.host));
    if (hindrances.stoodInTheWay(hosts, now, ALL_KINDS)) return;
    const earlier = hindrances.count;
    const isUndisturbed = (): boolean => {
      // The blackhole itself is the first that follows, at both ends.
      const isDisturbed = hindrances.isAnyAfter(earlier + 2, hosts);
      return !isDisturbed && all.every((life) => life.slot.life === life && !life.isLeaving);
    };
    this.later(DETOUR_AFTER_MS, () => {
      const published = oracle.publishedBy(one.incarnation);
      this.later(DETOURED_MS, () => {
        if (!isUndisturbed()) return;
        if (oracle.hasUpTo(other.incarnation, one.incarnation, published)) return;
        this.fail(
          `${other.slot.name} has not heard what ${one.slot.name} published, although ${third.slot.name} hears both`,
        );
      });
    });
  }

  private isLiving(incarnation: string): boolean {
    return this.scene.slots.some(({ life }) => life?.incarnation === incarnation);
  }

  private later(delayMs: number, fn: () => void): void {
    this.scene.time.plan(delayMs, 0, undefined, fn);
  }
}
