/** The last calls that this replica made, for those who run it. */
import { Controller, Get, Header } from '@nestjs/common';
import { ApiCalls } from './api-calls.service.js';
import type { RecentCall } from './recent-calls.js';

@Controller('calls')
export class CallsController {
  constructor(private readonly calls: ApiCalls) {}

  @Get()
  @Header('Cache-Control', 'no-store')
  list(): { calls: readonly RecentCall[] } {
    return { calls: this.calls.recent() };
  }
}
