/** Answers other members what their visitors would pay. */
import { Controller } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';
import type { Quote } from '@rookery/pricing';
import { Cluster } from 'rookery';
import { Refusals } from '../calls/refusals.js';
import { quoteFor } from './quote.js';
import { parseQuoteRequest } from './quote-request.js';

@Controller()
export class PricingController {
  constructor(
    private readonly cluster: Cluster,
    private readonly refusals: Refusals,
  ) {}

  @MessagePattern('pricing.quote')
  quote(@Payload() data: unknown): Quote {
    const { people } = this.refusals.answer(() => parseQuoteRequest(data));
    return { ...quoteFor(people), answeredBy: this.cluster.self.name };
  }
}
