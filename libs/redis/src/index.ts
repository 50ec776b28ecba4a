export { redis } from './redis.js';
export type { RedisClient } from './redis-client.js';
export { DEFAULT_REDIS_OPTIONS, type RedisDiscoveryOptions } from './redis-options.js';
