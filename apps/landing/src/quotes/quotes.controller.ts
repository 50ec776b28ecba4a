/** The price for another number of people, as the part of the page that shows it. */
import { Controller, Get, Header, Query } from '@nestjs/common';
import { ApiCalls } from '../calls/api-calls.service.js';
import { Templates } from '../pages/templates.js';
import { quoteView } from './quote-view.js';

@Controller('quote')
export class QuotesController {
  constructor(
    private readonly calls: ApiCalls,
    private readonly templates: Templates,
  ) {}

  /** The api says what is wrong with a number that cannot be: it knows, and the page would have to be told twice. */
  @Get()
  @Header('Content-Type', 'text/html; charset=utf-8')
  @Header('Cache-Control', 'no-store')
  async quote(@Query('people') people: unknown): Promise<string> {
    return this.templates.quote(quoteView(await this.calls.quote({ people: Number(people) })));
  }
}
