/** Reads an event stream over a real connection. */
import { get, type IncomingMessage } from 'node:http';
import { once } from 'node:events';
import { eventually } from './eventually.js';

export interface StreamMessage {
  readonly id: string | undefined;
  readonly type: string | undefined;
  readonly data: string;
}

export class EventStream {
  readonly messages: StreamMessage[] = [];
  /** Comment lines, which carry nothing but show that the connection lives. */
  readonly comments: string[] = [];
  /** How the stream ended; undefined while it is open. */
  end: 'ended' | 'cut' | undefined;
  #rest = '';

  private constructor(private readonly response: IncomingMessage) {
    response.setEncoding('utf8').on('data', (chunk: string) => this.#take(chunk));
    response.on('end', () => (this.end ??= 'ended')).on('error', () => (this.end ??= 'cut'));
  }

  get status(): number | undefined {
    return this.response.statusCode;
  }

  get type(): string | undefined {
    return this.response.headers['content-type'];
  }

  static async open(url: string, headers: Record<string, string> = {}): Promise<EventStream> {
    const request = get(url, { headers: { accept: 'text/event-stream', ...headers }, agent: false });
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    return new EventStream(response);
  }

  /** The first message, from the given position on, that satisfies the condition. */
  heard(condition: (message: StreamMessage) => boolean, from = 0): Promise<StreamMessage> {
    return eventually(() => this.messages.slice(from).find(condition));
  }

  close(): void {
    this.response.destroy();
  }

  #take(chunk: string): void {
    const blocks = (this.#rest + chunk).split('\n\n');
    this.#rest = blocks.pop() ?? '';
    for (const block of blocks) {
      const lines = block.split('\n').filter((line) => line !== '');
      const field = (name: string) =>
        lines.filter((line) => line.startsWith(`${name}: `)).map((line) => line.slice(name.length + 2));
      this.comments.push(...lines.filter((line) => line.startsWith(':')));
      if (field('data').length > 0)
        this.messages.push({ id: field('id')[0], type: field('event')[0], data: field('data').join('\n') });
    }
  }
}
