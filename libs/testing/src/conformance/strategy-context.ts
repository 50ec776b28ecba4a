/** What a mesh lends a strategy, for tests: with a record of what the strategy did with it. */
import { type Logger, systemClock, systemRandom } from '@rookery/runtime';
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { DiscoveryContext, DiscoverySelf } from 'rookery/discovery';

/** A context whose strategy can be watched. */
export interface StrategyContext extends DiscoveryContext {
  /** `level: message`, in order. */
  readonly logged: readonly string[];
  /** How often the strategy called `changed`. */
  readonly changes: number;
  /** Resolves at the next call of `changed`. */
  nextChange(): Promise<void>;
  /** Resolves when a message that contains `text` has been logged. */
  nextLog(text: string): Promise<void>;
}

/** What may be chosen of a {@link StrategyContext}. */
export interface StrategyContextOptions extends Partial<DiscoverySelf> {
  /** Stands for the cookie: contexts of one secret verify what the others sign. @default 'a secret of the tests' */
  readonly secret?: string;
}

/**
 * A context as a running node would lend it, on the clock and the chance of this machine.
 *
 * @example
 * const context = strategyContext({ cluster: 'shop', address: { host: '10.0.0.7', port: 4370 } });
 * await strategy.start?.(context);
 * expect(context.logged).toEqual([]);
 */
export function strategyContext(options: StrategyContextOptions = {}): StrategyContext {
  const { secret = 'a secret of the tests', ...self } = options;
  const logged: string[] = [];
  const waiting = new Set<() => void>();
  let changes = 0;
  const wake = (): void => waiting.forEach((check) => check());
  const until = (condition: () => boolean): Promise<void> =>
    new Promise((resolve) => {
      const check = (): void => {
        if (!condition()) return;
        waiting.delete(check);
        resolve();
      };
      waiting.add(check);
      check();
    });
  const log = (level: string) => (message: string) => {
    logged.push(`${level}: ${message}`);
    wake();
  };
  const logger: Logger = { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') };
  const sign = (message: Uint8Array): Buffer => createHmac('sha256', secret).update(message).digest();
  return {
    self: {
      cluster: 'test',
      name: 'node-1',
      incarnation: '00000000000000a1',
      address: { host: '127.0.0.1', port: 4370 },
      ...self,
    },
    clock: systemClock,
    random: systemRandom,
    logger,
    logged,
    get changes() {
      return changes;
    },
    changed() {
      changes++;
      wake();
    },
    sign,
    verify(message, signature) {
      const expected = sign(message);
      return signature.length === expected.length && timingSafeEqual(expected, signature);
    },
    nextChange() {
      const before = changes;
      return until(() => changes > before);
    },
    nextLog: (text) => until(() => logged.some((line) => line.includes(text))),
  };
}

/** A signal that is never aborted. */
export function patience(): AbortSignal {
  return new AbortController().signal;
}
