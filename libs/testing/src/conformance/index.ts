export {
  type ConformanceCase,
  discoveryStrategyCases,
  type DiscoverySource,
  type DiscoveryTraits,
} from './discovery-conformance.js';
export { patience, type StrategyContext, strategyContext, type StrategyContextOptions } from './strategy-context.js';
