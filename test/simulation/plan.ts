/** What one seed draws: the size of the cluster, its bounds, its network, and which faults happen how often (swarm testing: Groce et al., 2012). */
import type { MeshLimits } from 'rookery/mesh';
import type { NetworkTraits, SeededRandom } from '@rookery/testing';

export const FAULTS = [
  'cut',
  'half-open',
  'blackhole',
  'one-way',
  'partition',
  'pause',
  'kill',
  'power-off',
  'leave',
  'clock-step',
  'discovery-outage',
  'slow-handler',
  'burst',
  'strand',
  'stillborn',
] as const;
export type Fault = (typeof FAULTS)[number];

/**
 * How addresses are found. `static`: all of them, always. `registry`: those of live nodes, late, as a name server tells
 * them. `seeds`: the first two only, the others by hearsay.
 */
export type DiscoveryKind = 'static' | 'registry' | 'seeds';

export interface Plan {
  readonly nodes: number;
  readonly isOneHost: boolean;
  readonly discovery: DiscoveryKind;
  readonly pollIntervalMs: number;
  readonly registryDelayMs: number;
  readonly traits: NetworkTraits;
  readonly limits: Partial<MeshLimits>;
  /** Mean time between two faults of a kind, for those that happen. */
  readonly faults: ReadonlyMap<Fault, number>;
  readonly maxPauseMs: number;
  readonly maxBlackholeMs: number;
  readonly writeEveryMs: number;
  readonly readEveryMs: number;
  readonly maxLoadMs: number;
  /** Between a commit and its publication, at most. */
  readonly maxCommitMs: number;
  readonly directedShare: number;
  readonly maxFillerBytes: number;
  /** How long faults happen; then all is healed, and writing goes on for a while. */
  readonly chaosMs: number;
  readonly keys: number;
}

/** After the healing, nobody may need longer to be up to date. */
export const CONVERGENCE_MS = 60_000;

export function drawPlan(random: SeededRandom): Plan {
  const plan = withRoom(drawAnything(random));
  const kind = random.next();
  if (kind < 0.1) return { ...plan, ...thin(plan) };
  return kind < 0.2 ? { ...plan, ...pairwise(plan) } : plan;
}

/** What is said must fit through in the end, even where little does. */
function withRoom(plan: Plan): Plan {
  const { latencyMs, bufferBytes } = plan.traits;
  if (latencyMs < 100 || bufferBytes > 1_024) return plan;
  return { ...plan, maxFillerBytes: Math.min(plan.maxFillerBytes, 300) };
}

/** Little fits through, and much is said: publications are late for long while heartbeats are not. */
function thin(plan: Plan): Partial<Plan> {
  return {
    traits: { ...plan.traits, latencyMs: 100, bufferBytes: 1_024 },
    limits: { ...plan.limits, windowBytes: 16 * 1024 * 1024, windowMs: 300_000, keptMs: 300_000 },
    faults: new Map([...plan.faults, ['burst', 10_000]]),
    maxFillerBytes: 2_000,
    // What is said must fit through in the end.
    writeEveryMs: Math.max(1_000, plan.writeEveryMs),
  };
}

/** Faults between two nodes only, and seldom, so that what should follow is not excused by the next fault. */
function pairwise(plan: Plan): Partial<Plan> {
  return {
    nodes: 4,
    isOneHost: false,
    traits: { ...plan.traits, bufferBytes: Math.max(16_384, plan.traits.bufferBytes) },
    faults: new Map([
      ['blackhole', 8_000],
      ['half-open', 8_000],
    ]),
    maxBlackholeMs: 15_000,
    writeEveryMs: 200,
  };
}

function drawAnything(random: SeededRandom): Plan {
  const nodes = random.int(3, 5);
  const faults = new Map<Fault, number>();
  const intensity = random.pick([2_000, 5_000, 12_000]);
  for (const fault of FAULTS) {
    const isDrawn = random.chance(0.45);
    const every = intensity * random.between(0.5, 2);
    if (isDrawn) faults.set(fault, every);
  }
  const windowBytes = random.pick([4_096, 8_192, 65_536, 16 * 1024 * 1024]);
  const windowMs = random.pick([2_000, 10_000, 60_000, 300_000]);
  return {
    nodes,
    isOneHost: random.chance(0.15),
    discovery: random.pick(['static', 'registry', 'seeds']),
    pollIntervalMs: random.pick([500, 1_000, 5_000]),
    registryDelayMs: random.pick([0, 500, 4_000]),
    traits: {
      latencyMs: random.pick([0.05, 1, 20, 100]),
      jitterMs: random.pick([0, 1, 20]),
      bufferBytes: random.pick([1_024, 16_384, 262_144]),
      drainMs: random.pick([0, 1, 50]),
      chunking: random.pick([0, 0.05, 0.5]),
      retransmitMs: random.pick([10, 1_000, 3_000]),
    },
    limits: { windowBytes, windowMs, keptBytes: random.pick([0, 1_024]), keptMs: windowMs * random.pick([1, 4]) },
    faults,
    maxPauseMs: random.pick([300, 3_000, 14_000]),
    maxBlackholeMs: random.pick([1_000, 5_000, 15_000]),
    writeEveryMs: random.pick([200, 1_000, 4_000]),
    readEveryMs: random.pick([200, 1_000]),
    maxLoadMs: random.pick([1, 20, 300]),
    maxCommitMs: random.pick([0, 0, 50]),
    directedShare: random.pick([0, 0, 0.3]),
    maxFillerBytes: random.pick([0, 300, 2_000]),
    chaosMs: 40_000,
    keys: 12,
  };
}
