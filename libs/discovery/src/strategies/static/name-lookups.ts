/** The addresses of a list of names, asked for a few at a time, and remembered where asking fails or takes long. */
import { type Clock, describeError, printable } from '@rookery/runtime';

/** Finds the addresses of a name; rejects where it has none, or nobody knows. */
export type ResolveName = (name: string) => Promise<readonly string[]>;

/**
 * Names are resolved in the four threads that Node has for files and cryptography too, and a silent name server holds one for
 * many seconds: half of them are left to the rest of the program.
 */
const LOOKUPS_AT_ONCE = 2;

/** Whoever is known is not kept waiting longer for whoever is not. */
const PATIENCE_MS = 500;

/** No name stands for more machines than that. */
const MAX_ADDRESSES_OF_A_NAME = 256;

export class NameLookups {
  /** Names that could not be resolved the last time, and why. */
  readonly failures = new Map<string, string>();
  private readonly addresses = new Map<string, readonly string[]>();
  private readonly running = new Map<string, Promise<void>>();
  /** Names that are to be asked for, each once however many polls wait for it: slower names than polls must not pile up. */
  private readonly queue = new Set<string>();
  private isFinishing = false;
  /** How often what is known changed. */
  private changes = 0;

  /** @param isOtherKnown whether somebody is known without any name, who is not kept waiting either */
  constructor(
    private readonly names: readonly string[],
    private readonly resolve: ResolveName,
    private readonly isOtherKnown = false,
  ) {}

  /** What is known of a name; empty until it was resolved once. */
  known(name: string): readonly string[] {
    return this.addresses.get(name) ?? [];
  }

  /**
   * Asks for every name, and resolves when all are answered; after half a second it is enough that one is known, or somebody
   * without a name. Those that take longer go on, and `onLate` is called when they are through, if anything is known by then that
   * was not before.
   *
   * @throws the reason of `signal`, once that is aborted. What was begun cannot be stopped, and is not begun twice.
   */
  async refresh(signal: AbortSignal, clock: Clock, onLate: () => void): Promise<void> {
    for (const name of this.names) if (!this.running.has(name)) this.queue.add(name);
    let isPatient = true;
    let wake = (): void => undefined;
    const onAbort = (): void => wake();
    const timer = clock.after(PATIENCE_MS, () => {
      isPatient = false;
      wake();
    });
    signal.addEventListener('abort', onAbort);
    try {
      for (;;) {
        signal.throwIfAborted();
        this.beginSome();
        if (this.running.size === 0) return;
        if (!isPatient && (this.isOtherKnown || this.addresses.size > 0)) {
          void this.finish(signal, onLate);
          return;
        }
        const woken = new Promise<void>((resolve) => (wake = resolve));
        await Promise.race([woken, ...this.running.values()]);
      }
    } finally {
      timer.cancel();
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** Begins nothing more; what was begun cannot be stopped. */
  stop(): void {
    this.queue.clear();
  }

  private async finish(signal: AbortSignal, onLate: () => void): Promise<void> {
    // One goes on for all polls.
    if (this.isFinishing) return;
    this.isFinishing = true;
    const { changes } = this;
    while (this.running.size > 0 && !signal.aborted) {
      await Promise.race(this.running.values());
      this.beginSome();
    }
    this.isFinishing = false;
    if (this.changes > changes) onLate();
  }

  private beginSome(): void {
    for (const name of this.queue) {
      if (this.running.size >= LOOKUPS_AT_ONCE) return;
      this.queue.delete(name);
      if (!this.running.has(name)) this.running.set(name, this.run(name));
    }
  }

  private async run(name: string): Promise<void> {
    try {
      const found = [...(await this.resolve(name))].sort().slice(0, MAX_ADDRESSES_OF_A_NAME);
      if (found.join() !== this.addresses.get(name)?.join()) this.changes++;
      this.addresses.set(name, found);
      this.failures.delete(name);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      this.failures.set(name, printable(code ?? describeError(error)));
    }
    this.running.delete(name);
  }
}
