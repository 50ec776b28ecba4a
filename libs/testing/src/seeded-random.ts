/** Chance that repeats: everything drawn from it follows from one number. */
import type { Random } from '@rookery/runtime';

/**
 * A small, fast generator with 128 bits of state (sfc32, by Chris Doty-Humphrey). Fit for simulations, never for secrets.
 */
export class SeededRandom implements Random {
  private a = 0x9e3779b9;
  private b = 0x243f6a88;
  private c: number;
  private counter = 1;

  constructor(readonly seed: number) {
    this.c = seed >>> 0;
    this.b ^= Math.floor(seed / 2 ** 32) >>> 0;
    // Seeds that differ by one bit part ways only after some rounds.
    for (let i = 0; i < 12; i++) this.uint32();
  }

  next(): number {
    return this.uint32() / 2 ** 32;
  }

  bytes(length: number): Buffer {
    const bytes = Buffer.alloc(length);
    for (let i = 0; i < length; i++) bytes[i] = this.uint32() & 0xff;
    return bytes;
  }

  /** A whole number in `[min, max]`. */
  int(min: number, max: number): number {
    return min + Math.floor(this.next() * (max - min + 1));
  }

  /** A number in `[min, max)`. */
  between(min: number, max: number): number {
    return min + this.next() * (max - min);
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(values: readonly T[]): T {
    return values[this.int(0, values.length - 1)]!;
  }

  /** A generator of its own: what one part draws changes nothing for the others. */
  fork(): SeededRandom {
    return new SeededRandom(this.uint32() * 2 ** 20 + (this.uint32() & 0xfffff));
  }

  private uint32(): number {
    const t = (this.a + this.b + this.counter++) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = (this.c << 21) | (this.c >>> 11);
    this.c = (this.c + t) | 0;
    return t >>> 0;
  }
}
