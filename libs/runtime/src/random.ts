/** Chance as the library sees it: the only place that draws random numbers. */
import { randomBytes } from 'node:crypto';

export interface Random {
  /** A number in [0, 1). */
  next(): number;
  /** `length` random bytes, fit for nonces and identities. */
  bytes(length: number): Buffer;
}

/** The host's random source. */
export const systemRandom: Random = {
  next: () => randomBytes(4).readUInt32BE() / 2 ** 32,
  bytes: (length) => randomBytes(length),
};
