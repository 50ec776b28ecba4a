/** What happened lately, newest first: a bounded list. */
import { Injectable } from '@nestjs/common';
import { systemClock } from '@rookery/runtime';

export type Tone = 'good' | 'bad' | 'warn' | 'plain';

export interface ActivityNote {
  readonly tone: Tone;
  readonly title: string;
  readonly detail: string;
  /** A flip that went live: from which api, and to whom. */
  readonly spread?: { readonly from: string; readonly to: readonly string[] };
}

export interface Activity extends ActivityNote {
  readonly id: number;
  /** Milliseconds since the Unix epoch. */
  readonly at: number;
}

const MAX_ENTRIES = 80;

@Injectable()
export class ActivityLog {
  #entries: readonly Activity[] = [];
  #count = 0;

  entries(): readonly Activity[] {
    return this.#entries;
  }

  /** Returns the id of the entry, to {@link replace} it with one that tells more. */
  add(note: ActivityNote): number {
    const id = ++this.#count;
    this.#entries = [{ ...note, id, at: systemClock.wallNow() }, ...this.#entries].slice(0, MAX_ENTRIES);
    return id;
  }

  /** Keeps the place and time of the entry. Without effect once it has left the list. */
  replace(id: number, note: ActivityNote): void {
    this.#entries = this.#entries.map((entry) => (entry.id === id ? { ...note, id, at: entry.at } : entry));
  }
}
