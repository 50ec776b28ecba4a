/** What a mesh would lend a strategy, with a record of what the strategy did with it. */
import { type Logger, systemClock, systemRandom } from '@rookery/runtime';
import type { DiscoveryContext, DiscoverySelf } from 'rookery/discovery';

export interface TestContext extends DiscoveryContext {
  /** `level: message`, in order. */
  readonly logged: readonly string[];
  /** Resolves at the next call of `changed`. */
  nextChange(): Promise<void>;
  /** Resolves when a message that contains `text` has been logged. */
  nextLog(text: string): Promise<void>;
}

export function testContext(self: Partial<DiscoverySelf> = {}): TestContext {
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
    changed() {
      changes++;
      wake();
    },
    sign: () => Buffer.alloc(32),
    verify: () => false,
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
