/** The event stream that keeps an open page current. */
import { Controller, type MessageEvent, Sse } from '@nestjs/common';
import type { Observable } from 'rxjs';
import { LiveUpdates } from './live-updates.js';

/** Characters that may wait for a page that is not reading; beyond them it is cut off, and connects anew. */
const MAX_PENDING_CHARACTERS = 256 * 1024;

@Controller()
export class LiveController {
  constructor(private readonly updates: LiveUpdates) {}

  @Sse('live', { maxPendingDataLength: MAX_PENDING_CHARACTERS })
  live(): Observable<MessageEvent> {
    return this.updates.stream();
  }
}
