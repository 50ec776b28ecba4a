import { describe, expect, it } from '@jest/globals';
import { ManualClock, settle } from '@rookery/testing';
import { KeyedReads } from './keyed-reads.js';

class Setting {
  readonly clock = new ManualClock();
  /** Keys in the order in which their reads began, with what ends each. */
  readonly begun: { key: string; resolve(value: string): void; reject(error: Error): void }[] = [];
  readonly reads = new KeyedReads<string>(
    (key) => new Promise((resolve, reject) => this.begun.push({ key, resolve, reject })),
    { maxStaleReads: 2, maxStaleReaders: 5, staleReadTimeoutMs: 1_000, clock: this.clock },
  );

  get keys(): string[] {
    return this.begun.map(({ key }) => key);
  }
}

const NOT_READ = expect.objectContaining({ code: 'FLAGS_NOT_READ' });

describe('KeyedReads', () => {
  it('reads once for all who ask for a key before the read began', async () => {
    const { reads, begun, keys: _ } = new Setting();
    const [x, y] = [reads.read('x'), reads.read('y')];
    const [first, second] = [reads.read('a'), reads.read('a')]; // both places are taken
    begun[0]!.resolve('of x');
    begun[1]!.resolve('of y');
    expect(await Promise.all([x, y])).toEqual(['of x', 'of y']);
    expect(begun.map(({ key }) => key)).toEqual(['x', 'y', 'a']);
    begun[2]!.resolve('of a');
    expect(await Promise.all([first, second])).toEqual(['of a', 'of a']);
  });

  it('reads again for whoever asks while a read is running: that one may have looked before', async () => {
    const { reads, begun } = new Setting();
    const early = reads.read('a');
    const late = [reads.read('a'), reads.read('a')];
    await settle();
    expect(begun).toHaveLength(1);
    begun[0]!.resolve('old');
    expect(await early).toBe('old');
    await settle();
    expect(begun).toHaveLength(2);
    begun[1]!.resolve('new');
    expect(await Promise.all(late)).toEqual(['new', 'new']);
  });

  it('runs no more at once than it may, in the order in which they were asked for', async () => {
    const setting = new Setting();
    const all = ['a', 'b', 'c', 'd'].map((key) => setting.reads.read(key));
    expect(setting.keys).toEqual(['a', 'b']);
    setting.begun[1]!.resolve('b');
    await settle();
    expect(setting.keys).toEqual(['a', 'b', 'c']);
    setting.begun[0]!.resolve('a');
    setting.begun[2]!.resolve('c');
    await settle();
    setting.begun[3]!.resolve('d');
    expect(await Promise.all(all)).toEqual(['a', 'b', 'c', 'd']);
  });

  it('gives each caller up at its deadline, its turn included, and holds the place of a read that hangs', async () => {
    const setting = new Setting();
    const outcomes = ['a', 'b', 'c'].map((key) => setting.reads.read(key).catch((error: unknown) => error));
    await setting.clock.advance(1_000);
    expect(await Promise.all(outcomes)).toEqual([NOT_READ, NOT_READ, NOT_READ]);
    // Two hang, so nothing else is piled on top of them; and nobody wants the third any more.
    const later = setting.reads.read('d');
    expect(setting.keys).toEqual(['a', 'b']);
    setting.begun[0]!.reject(new Error('gone'));
    await settle();
    expect(setting.keys).toEqual(['a', 'b', 'd']);
    setting.begun[2]!.resolve('d');
    expect(await later).toBe('d');
    expect(setting.clock.pending).toEqual([]);
  });

  it('refuses callers beyond its limit at once, until others are done', async () => {
    const { reads, begun } = new Setting();
    const waiting = Array.from({ length: 5 }, () => reads.read('a'));
    await expect(reads.read('a')).rejects.toEqual(NOT_READ);
    begun[0]!.resolve('1');
    await settle();
    begun[1]!.resolve('2');
    await Promise.all(waiting);
    const next = reads.read('a');
    begun[2]!.resolve('3');
    expect(await next).toBe('3');
  });

  it('hands on what the read throws, to all who wait for it', async () => {
    const { reads, begun } = new Setting();
    const failing = reads.read('a');
    begun[0]!.reject(new Error('no database'));
    await expect(failing).rejects.toThrow('no database');
  });
});
