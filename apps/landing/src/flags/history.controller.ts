/**
 * What became of a flag, for those who run this: asked of an api replica, and written to the visitor row by row as it comes.
 * A visitor who reads slowly slows the api's reading down, and one who leaves ends it.
 */
import { Readable } from 'node:stream';
import { Controller, Get, Header, HttpStatus, Param, Query, Res, StreamableFile } from '@nestjs/common';
import type { FlagHistoryEntry } from '@rookery/feature-flags';
import type { Response } from 'express';
import { ApiCalls } from '../calls/api-calls.service.js';
import type { CallFailure } from '../calls/call-failure.js';
import { CONTENT_SECURITY_POLICY } from '../pages/content-security-policy.js';
import { Templates } from '../pages/templates.js';

type Told = AsyncGenerator<FlagHistoryEntry | CallFailure, void, undefined>;

@Controller('flags/:key/history')
export class HistoryController {
  constructor(
    private readonly calls: ApiCalls,
    private readonly templates: Templates,
  ) {}

  /** Waits for the first row only, for the status depends on whether there is one. */
  @Get()
  @Header('Content-Security-Policy', CONTENT_SECURITY_POLICY)
  @Header('Cache-Control', 'no-store')
  async history(
    @Param('key') key: string,
    @Query('limit') limit: string | undefined,
    @Res({ passthrough: true }) response: Response,
  ): Promise<StreamableFile> {
    const left = new AbortController();
    // The page itself is told only once it has its next row, and never while none comes.
    response.once('close', () => left.abort());
    const request = { key, ...(limit !== undefined && { limit: Number(limit) }) };
    const told = this.calls.history(request, left.signal);
    const first = await told.next();
    response.status(statusOf(first));
    const page = Readable.from(this.#page(key, first, told));
    // However it ends. A visitor may have left before the first row: then nothing of the page is ever asked for.
    page.once('close', () => void told.return());
    return new StreamableFile(page, { type: 'text/html; charset=utf-8' });
  }

  async *#page(key: string, first: IteratorResult<FlagHistoryEntry | CallFailure>, told: Told): AsyncGenerator<string> {
    let count = 0;
    let answeredBy: string | null = null;
    let failure: CallFailure | undefined;
    yield this.templates.historyHead(key);
    for (let result = first; result.done !== true; result = await told.next()) {
      const { value } = result;
      if (isFailure(value)) {
        failure = value;
        continue;
      }
      ({ answeredBy } = value);
      count++;
      yield this.templates.historyRow(value);
    }
    yield this.templates.historyEnd({ count, answeredBy, failure });
  }
}

function isFailure(value: FlagHistoryEntry | CallFailure): value is CallFailure {
  return 'code' in value;
}

function statusOf({ done, value }: IteratorResult<FlagHistoryEntry | CallFailure>): HttpStatus {
  if (done === true || !isFailure(value)) return HttpStatus.OK;
  return value.code === 'FLAGS_INVALID_REQUEST' ? HttpStatus.BAD_REQUEST : HttpStatus.SERVICE_UNAVAILABLE;
}
