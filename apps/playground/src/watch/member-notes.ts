/** Gathers what several replicas saw of one member at about the same time into one entry of the log. */
import { describeMember } from './notes.js';
import type { ActivityLog } from './activity-log.js';
import type { SeenMember } from './observation.js';

const TOGETHER_MS = 5_000;
const MAX_OPEN = 100;

interface Open {
  readonly id: number;
  readonly since: number;
  readonly observers: string[];
}

export class MemberNotes {
  readonly #open = new Map<string, Open>();

  constructor(private readonly log: ActivityLog) {}

  /** A replica saw a member change. */
  saw(observer: string, member: SeenMember, now: number): void {
    if (this.sees(observer, member, now)) return;
    const key = keyOf(member);
    const observers = [observer];
    this.#open.delete(key);
    this.#open.set(key, { id: this.log.add(describeMember(member, observers)), since: now, observers });
    for (const oldest of this.#open.keys()) {
      if (this.#open.size <= MAX_OPEN) break;
      this.#open.delete(oldest);
    }
  }

  /** A replica finds a member as it is, without having seen it change. Whether others saw that change just now. */
  sees(observer: string, member: SeenMember, now: number): boolean {
    const open = this.#open.get(keyOf(member));
    if (open === undefined || now - open.since >= TOGETHER_MS) return false;
    if (!open.observers.includes(observer)) {
      open.observers.push(observer);
      this.log.replace(open.id, describeMember(member, open.observers));
    }
    return true;
  }
}

function keyOf({ incarnation, status }: SeenMember): string {
  return `${incarnation} ${status}`;
}
