/** What docs/microservices.md shows of calls behind HTTP. */
import { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import {
  type ArgumentsHost,
  Catch,
  Controller,
  GatewayTimeoutException,
  Get,
  Param,
  ParseIntPipe,
  Res,
  ServiceUnavailableException,
  StreamableFile,
  UnprocessableEntityException,
} from '@nestjs/common';
import { BaseExceptionFilter } from '@nestjs/core';
import { Cluster, ClusterCallError } from 'rookery';

@Catch()
export class CallFilter extends BaseExceptionFilter {
  override catch(error: unknown, host: ArgumentsHost): void {
    super.catch(host.getType() === 'http' ? forVisitors(error) : error, host);
  }
}

function forVisitors(error: unknown): unknown {
  if (error instanceof ClusterCallError) {
    // Its message names members and patterns: something for the log.
    return error.code === 'TIMEOUT' ? new GatewayTimeoutException() : new ServiceUnavailableException();
  }
  const { code, message } = error as { code?: unknown; message?: string };
  return code === 'EMPTY' ? new UnprocessableEntityException(message) : error;
}

declare module 'rookery' {
  interface ClusterCallMap {
    'quote.history': { request: { days: number }; response: string };
  }
}

@Controller('history')
export class HistoryPage {
  constructor(private readonly cluster: Cluster) {}

  @Get(':days')
  show(
    @Param('days', ParseIntPipe) days: number,
    @Res({ passthrough: true }) response: ServerResponse,
  ): StreamableFile {
    const left = new AbortController();
    response.once('close', () => left.abort());
    const history = this.cluster.requestStream('quote.history', { days }, { signal: left.signal });
    return new StreamableFile(Readable.from(lines(history)), { type: 'text/plain' });
  }
}

async function* lines(values: AsyncIterable<string>): AsyncGenerator<string> {
  for await (const value of values) yield `${value}\n`;
}
