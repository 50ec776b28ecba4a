export { ManualClock, settle } from './manual-clock.js';
export { SeededRandom } from './seeded-random.js';
export { type NetworkTraits, SimulatedNetwork } from './simulated-network.js';
export { VirtualProcess, VirtualTime } from './virtual-time.js';
