/** What stood in the way of which host, and when: whoever was hindered may be excused. */

/** `network`: nothing came through. `pause`: a process stood still. `end`: it ended. `break`: a connection broke. */
type Kind = 'network' | 'pause' | 'end' | 'break';

export const ALL_KINDS: readonly Kind[] = ['network', 'pause', 'end', 'break'];
/** What keeps two nodes apart, in contrast to a connection that breaks. */
const LASTING: readonly Kind[] = ['network', 'pause', 'end'];

interface Hindrance {
  readonly host: string;
  readonly kind: Kind;
  readonly from: number;
  readonly to: number;
}

export class Hindrances {
  private readonly all: Hindrance[] = [];

  constructor(
    private readonly now: () => number,
    /** How long what is over may still be felt: a blackhole's bytes come late, and what broke mends itself only after a while. */
    private readonly mendMs: number,
  ) {}

  /** From now on, for so long, something is in the way of a host, or of what runs there. */
  note(host: string, kind: Kind, durationMs: number): void {
    const now = this.now();
    this.all.push({ host, kind, from: now, to: now + durationMs });
  }

  /** Whether anything of these kinds stood in the way of these hosts, or was not mended yet, at any time since `since`. */
  stoodInTheWay(hosts: ReadonlySet<string>, since: number, kinds: readonly Kind[] = LASTING): boolean {
    return this.all.some(({ host, kind, to }) => hosts.has(host) && kinds.includes(kind) && to + this.mendMs >= since);
  }

  /** Whether anything but an end was in the way of a host at any time in `[from, to]`. */
  wasHindered(host: string, from: number, to: number): boolean {
    return this.all.some((each) => each.host === host && each.kind !== 'end' && each.from <= to && each.to >= from);
  }

  /** A pause of a process at this host that is not over, or has not been for long. */
  recentPause(host: string): { readonly from: number; readonly to: number } | undefined {
    const now = this.now();
    return this.all.find((each) => each.host === host && each.kind === 'pause' && now - each.to < 1_000);
  }

  get count(): number {
    return this.all.length;
  }

  /** Whether any of those after the first `count` is at one of these hosts. */
  isAnyAfter(count: number, hosts: ReadonlySet<string>): boolean {
    return this.all.slice(count).some(({ host }) => hosts.has(host));
  }
}
