/** What the page reads: the whole view, and the stream of its changes. */
import { Controller, Get, type MessageEvent, ServiceUnavailableException, Sse } from '@nestjs/common';
import type { Observable } from 'rxjs';
import type { PlaygroundView } from '../watch/playground-view.js';
import { MAX_PAGES, Watcher } from '../watch/watcher.service.js';
import type { Identity } from './identity.js';

/** Characters that may wait for a page that is not reading; beyond them it is cut off, and connects anew. */
const MAX_PENDING_CHARACTERS = 1024 * 1024;

@Controller()
export class ViewController {
  constructor(private readonly watcher: Watcher) {}

  @Get('identity')
  identity(): Identity {
    return { playground: true, pid: process.pid };
  }

  @Get('view')
  view(): PlaygroundView {
    this.watcher.attend(); // whoever asks is likely to ask again
    return this.watcher.view();
  }

  @Sse('live', { maxPendingDataLength: MAX_PENDING_CHARACTERS })
  live(): Observable<MessageEvent> {
    const stream = this.watcher.stream();
    if (stream === undefined) throw new ServiceUnavailableException(`There are ${MAX_PAGES} pages open already.`);
    return stream;
  }
}
