/** What docs/microservices.md shows beyond what other transports can. */
import { Controller } from '@nestjs/common';
import { Ctx, EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import {
  type CallOutcome,
  ClusterCallError,
  ClusterClient,
  ClusterContext,
  type EventContext,
  OnClusterEvent,
} from 'rookery';
import { firstValueFrom, lastValueFrom, toArray } from 'rxjs';

/** The same replica for the same customer, so that it can keep in memory what it knows of them. */
export function quoteFor(client: ClusterClient, customer: string): Promise<string> {
  return firstValueFrom(client.by(customer).withDeadline(300).send<string>('quote', { customer }));
}

/** Every replica, each with its answer or its failure. */
export async function quotesOfAll(client: ClusterClient): Promise<string[]> {
  const outcomes = client.all().send<CallOutcome<string>>('quote', {});
  const all = await lastValueFrom(outcomes.pipe(toArray()));
  return all.map(({ member, value, error }) => `${member.name}: ${value ?? error?.code ?? ''}`);
}

export async function quoteOrReason(client: ClusterClient): Promise<string> {
  try {
    return await firstValueFrom(client.withDeadline(50).send<string>('quote.slow', {}));
  } catch (error) {
    if (!(error instanceof ClusterCallError)) throw error;
    return error.didNotRun ? 'nobody was asked' : `no answer (${error.code})`;
  }
}

/** One replica does the work, and it is known that it did. */
export async function charge(client: ClusterClient, order: string): Promise<void> {
  await firstValueFrom(client.one().emit('order.charge', order), { defaultValue: undefined });
}

@Controller()
export class QuotesController {
  @MessagePattern('quote')
  quote(@Payload() { customer = 'anybody' }: { customer?: string }, @Ctx() context: ClusterContext): string {
    return `42 for ${customer}, as ${context.getMember().name} asked`;
  }

  @MessagePattern('quote.slow')
  async slow(@Payload() _data: object, @Ctx() context: ClusterContext): Promise<never> {
    // Whoever asked has given up by then: what was begun for them can stop.
    await new Promise((resolve) => context.getSignal().addEventListener('abort', resolve));
    throw new Error('nobody waits for this');
  }
}

@Controller()
export class HistoryController {
  @MessagePattern('quote.history')
  async *history(@Payload() { days }: { days: number }): AsyncGenerator<string> {
    for (let day = 1; day <= days; day++) yield await Promise.resolve(`day ${day}`);
  }
}

@Controller()
export class QuoteEvents {
  readonly heard: string[] = [];

  @EventPattern('quote.changed')
  onPattern(@Payload() sku: string): void {
    this.heard.push(`pattern ${sku}`);
  }

  @OnClusterEvent('quote.changed')
  onEvent(sku: string, { from }: EventContext): void {
    this.heard.push(`event ${sku} of ${from.name}`);
  }

  @EventPattern('order.charge')
  onCharge(@Payload() order: string): void {
    this.heard.push(`charge ${order}`);
  }
}
