/** Announces a node in the Redis at a port, again and again, until it is killed: what a process leaves behind that dies. */
import { register } from 'node:module';
import { setTimeout as delay } from 'node:timers/promises';

register('../simulation/support/typescript-hooks.mjs', { parentURL: import.meta.url, data: {} });
const { redis } = await import('rookery/redis');
const { patience, strategyContext } = await import('rookery/testing');

const [port, leaseMs] = process.argv.slice(2).map(Number);
const strategy = redis({ url: `redis://127.0.0.1:${port}`, leaseMs, pollIntervalMs: leaseMs / 2 });
const context = strategyContext({ incarnation: 'd'.repeat(16), address: { host: '10.0.0.13', port: 4370 } });
await strategy.start(context);
for (;;) {
  await strategy.announce(context.self, patience());
  process.send('announced');
  await delay(leaseMs / 2);
}
