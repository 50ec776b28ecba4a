/** The handlers that Nest registers with a server, calls and events apart. */
import type { MessageHandler } from '@nestjs/microservices';

/** One `@EventPattern` of one method: a subscription of its own. */
export interface EventHandlerEntry {
  readonly handler: MessageHandler;
}

export class HandlerRegistry {
  readonly calls = new Map<string, MessageHandler>();
  readonly events = new Map<string, EventHandlerEntry[]>();

  /** @returns whether it takes the place of another handler */
  addCall(pattern: string, handler: MessageHandler): boolean {
    const isReplacing = this.calls.has(pattern);
    this.calls.set(pattern, handler);
    return isReplacing;
  }

  addEvent(pattern: string, handler: MessageHandler): void {
    const entries = this.events.get(pattern);
    if (entries === undefined) this.events.set(pattern, [{ handler }]);
    else entries.push({ handler });
  }
}
