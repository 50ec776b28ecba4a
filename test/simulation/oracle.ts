/**
 * Sees the whole world of a simulation, and holds what every node is told against it: each publication once and in order, or
 * a gap in its place with the right count.
 */
import type { Gap, MemberEvent, MemberStatus } from 'rookery/mesh';

/** A publication as its origin made it; its number is its place. */
interface Published {
  readonly at: number;
  /** The only incarnation it is for, if it is for one. */
  readonly target: string | undefined;
}

/** What one incarnation was told of another. */
class Account {
  last: number | undefined;
  /** Told by gaps since then. */
  missed = 0;
  /** A gap said that nobody knows how many. */
  isUnknown = false;
  status: MemberStatus | undefined;
  isUp = false;

  constructor(
    /** When it was last told anything of it. */
    public lastAt: number,
  ) {}
}

export class Oracle {
  private readonly publications = new Map<string, Published[]>();
  private readonly startedAt = new Map<string, number>();
  private readonly accounts = new Map<string, Map<string, Account>>();
  delivered = 0;
  replayed = 0;
  gaps = 0;

  constructor(
    private readonly now: () => number,
    /** A rule of the contract was broken. Told, not thrown: a handler that throws is only logged. */
    private readonly onViolation: (complaint: string) => void,
  ) {}

  noteStart(incarnation: string): void {
    this.startedAt.set(incarnation, this.now());
    this.publications.set(incarnation, []);
    this.accounts.set(incarnation, new Map());
  }

  notePublished(origin: string, seq: number, target?: string): void {
    const published = this.publications.get(origin)!;
    this.check(seq === published.length + 1, `${origin} published number ${seq} after ${published.length}`);
    published.push({ at: this.now(), target });
  }

  onEvent(receiver: string, origin: string, seq: number, isReplayed: boolean): void {
    const account = this.account(receiver, origin);
    const who = `${receiver} was given number ${seq} of ${origin}`;
    this.check(receiver === origin || account.isUp, `${who} while it was not up`);
    const { last } = account;
    if (last === undefined) {
      const all = this.count(origin, receiver, 1, seq - 1, 0);
      const since = this.count(origin, receiver, 1, seq - 1, this.startedAt.get(receiver)!);
      const isRight = since <= account.missed && account.missed <= all;
      this.check(isRight, `${who} first, with ${account.missed} missed: between ${since} and ${all} were`);
    } else {
      this.check(seq > last, `${who} after ${last}`);
      const missed = this.count(origin, receiver, last + 1, seq - 1, 0);
      this.check(missed === account.missed, `${who} after ${last}: ${missed} are missing, ${account.missed} were told`);
    }
    account.last = seq;
    account.missed = 0;
    this.delivered++;
    if (isReplayed) this.replayed++;
  }

  onGap(receiver: string, gap: Gap): void {
    // Of one subscription alone; the one that counts here is never slow.
    if (gap.reason === 'slow-handler') return;
    const account = this.account(receiver, gap.from.incarnation);
    this.gaps++;
    if (gap.missed === undefined) account.isUnknown = true;
    else {
      this.check(gap.missed > 0, `${receiver} was told a gap of ${gap.missed} from ${gap.from.incarnation}`);
      account.missed += gap.missed;
    }
  }

  onMember(receiver: string, status: MemberStatus, { member }: MemberEvent): void {
    const { incarnation } = member;
    this.check(incarnation !== receiver, `${receiver} was told of itself: ${status}`);
    const account = this.account(receiver, incarnation);
    const who = `${receiver} was told that ${incarnation} is ${status}`;
    if (status === 'up') this.check(!account.isUp, `${who} twice`);
    else this.check(account.isUp, `${who}, which was not up`);
    account.status = status;
    account.isUp = status === 'up' || status === 'suspect';
  }

  /** Whether everything that `origin` published is accounted for at `receiver`, which knows it. Called when all is quiet. */
  checkComplete(receiver: string, origin: string): void {
    const account = this.account(receiver, origin);
    const { length } = this.publications.get(origin)!;
    if (account.isUnknown) return;
    const { last, missed } = account;
    const from = (last ?? 0) + 1;
    const all = this.count(origin, receiver, from, length, 0);
    const least = last === undefined ? this.count(origin, receiver, 1, length, this.startedAt.get(receiver)!) : all;
    const who = `${receiver} has ${last ?? 0} of ${length} of ${origin}`;
    this.check(least <= missed && missed <= all, `${who}: ${least} to ${all} are missing, ${missed} were told`);
  }

  /** How many numbers `origin` has given. */
  publishedBy(origin: string): number {
    return this.publications.get(origin)!.length;
  }

  /** Whether `receiver` has, or knows to miss, everything of `origin` up to number `seq`. */
  hasUpTo(receiver: string, origin: string, seq: number): boolean {
    const { last, missed, isUnknown } = this.account(receiver, origin);
    return isUnknown || this.count(origin, receiver, (last ?? 0) + 1, seq, 0) <= missed;
  }

  /** When `receiver` was last told anything about `origin`, if it ever was. */
  lastToldAt(receiver: string, origin: string): number | undefined {
    return this.accounts.get(receiver)?.get(origin)?.lastAt;
  }

  /** Whether `receiver` was told that `origin` is no more. */
  knowsEnd(receiver: string, origin: string): boolean {
    const account = this.accounts.get(receiver)?.get(origin);
    return account !== undefined && (account.isUnknown || account.status === 'lost' || account.status === 'left');
  }

  /** Whether `receiver` was ever told anything about `origin`. */
  knows(receiver: string, origin: string): boolean {
    return this.accounts.get(receiver)?.has(origin) === true;
  }

  private check(isRight: boolean, complaint: string): void {
    if (!isRight) this.onViolation(complaint);
  }

  /** How many of the numbers in `[from, to]` were for `receiver`, and not before `since`. */
  private count(origin: string, receiver: string, from: number, to: number, since: number): number {
    const published = this.publications.get(origin)!;
    let count = 0;
    for (let seq = from; seq <= to; seq++) {
      const { target, at } = published[seq - 1]!;
      if ((target === undefined || target === receiver) && at >= since) count++;
    }
    return count;
  }

  private account(receiver: string, origin: string): Account {
    const accounts = this.accounts.get(receiver)!;
    let account = accounts.get(origin);
    if (account === undefined) accounts.set(origin, (account = new Account(this.now())));
    else account.lastAt = this.now();
    return account;
  }
}
