/**
 * What a simulated cluster is for: a database whose rows every node caches. A change is committed, then published; whoever
 * hears of it, or of a gap, drops what it has. The rules of a cache are here, those of the mesh are not.
 */
import type { Clock } from '@rookery/runtime';
import type { SeededRandom } from '@rookery/testing';

/** One change of one row. */
export interface Commit {
  readonly key: string;
  readonly version: number;
  readonly at: number;
  /** Who wrote, by incarnation. */
  readonly by: string;
  /** When it was published, and with what number; undefined while it was not. */
  publishedAt: number | undefined;
  seq: number;
}

export class Database {
  private readonly commits = new Map<string, Commit[]>();

  constructor(private readonly now: () => number) {}

  commit(key: string, by: string): Commit {
    const commits = this.history(key);
    const commit = { key, version: commits.length + 1, at: this.now(), by, publishedAt: undefined, seq: 0 };
    commits.push(commit);
    return commit;
  }

  version(key: string): number {
    return this.commits.get(key)?.length ?? 0;
  }

  /** All changes of a row; the one at index `i` made version `i + 1`. */
  history(key: string): Commit[] {
    let commits = this.commits.get(key);
    if (commits === undefined) this.commits.set(key, (commits = []));
    return commits;
  }
}

/** What one node holds of the database. */
export class Cache {
  readonly entries = new Map<string, number>();
  /** Loads under way: an invalidation that arrives meanwhile makes their answer worthless. */
  private readonly loads = new Map<string, { isOutdated: boolean }>();

  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
    private readonly random: SeededRandom,
    private readonly maxLoadMs: number,
  ) {}

  /** The version held, if any; otherwise it is loaded for the next time. */
  read(key: string): number | undefined {
    const version = this.entries.get(key);
    if (version === undefined) this.load(key);
    return version;
  }

  invalidate(key: string): void {
    this.entries.delete(key);
    const load = this.loads.get(key);
    if (load !== undefined) load.isOutdated = true;
  }

  flush(): void {
    this.entries.clear();
    for (const load of this.loads.values()) load.isOutdated = true;
  }

  private load(key: string): void {
    if (this.loads.has(key)) return;
    const load = { isOutdated: false };
    this.loads.set(key, load);
    // The database reads at one moment, and the answer arrives at a later one.
    this.clock.after(this.random.between(0, this.maxLoadMs), () => {
      const version = this.database.version(key);
      this.clock.after(this.random.between(0, this.maxLoadMs), () => {
        this.loads.delete(key);
        if (!load.isOutdated) this.entries.set(key, version);
      });
    });
  }
}
