/** Turns what a handler of calls throws into what the caller is told; see `refusal.ts`. */
import { Injectable, Logger } from '@nestjs/common';
import { RpcException } from '@nestjs/microservices';
import { FlagsDatabaseError } from '@rookery/feature-flags';
import { Cluster } from 'rookery';
import { refusalOf } from './refusal.js';

@Injectable()
export class Refusals {
  readonly #logger = new Logger(Refusals.name);

  constructor(private readonly cluster: Cluster) {}

  /** An `RpcException`, whose payload arrives as it is; or the error itself, which arrives as Nest's "Internal server error". */
  exceptionOf(error: unknown): unknown {
    if (error instanceof FlagsDatabaseError) this.#logger.warn(error.message);
    const refusal = refusalOf(error, this.cluster.self.name);
    return refusal === undefined ? error : new RpcException(refusal);
  }

  /** Runs what answers one call. */
  answer<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw this.exceptionOf(error);
    }
  }

  /** A stream whose source may fail at any value: no filter of Nest sees that, for the handler has returned by then. */
  async *stream<T>(source: AsyncIterable<T>): AsyncGenerator<T, void, undefined> {
    try {
      yield* source;
    } catch (error) {
      throw this.exceptionOf(error);
    }
  }
}
