/** Tells other members what became of a flag, as a stream that is read from the database only as fast as it is taken. */
import { Controller } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';
import { FlagHistory, type FlagHistoryEntry, type FlagHistoryRequest } from '@rookery/feature-flags';
import { Cluster } from 'rookery';
import { Refusals } from '../calls/refusals.js';
import { parseHistoryRequest } from './history-request.js';

@Controller()
export class FlagHistoryController {
  constructor(
    private readonly changes: FlagHistory,
    private readonly cluster: Cluster,
    private readonly refusals: Refusals,
  ) {}

  @MessagePattern('flags.history')
  history(@Payload() data: unknown): AsyncIterable<FlagHistoryEntry> {
    const request = this.refusals.answer(() => parseHistoryRequest(data));
    return this.refusals.stream(this.#entries(request));
  }

  async *#entries({ key, limit }: FlagHistoryRequest): AsyncGenerator<FlagHistoryEntry, void, undefined> {
    const answeredBy = this.cluster.self.name;
    for await (const change of this.changes.changes(key, limit)) yield { ...change, answeredBy };
  }
}
