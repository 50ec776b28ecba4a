/** What travels beside the data, and the hooks around it: numbers in brackets are those of docs/nest-expectations.md. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { Controller } from '@nestjs/common';
import { Ctx, EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import {
  type Context,
  context,
  createContextKey,
  propagation,
  ROOT_CONTEXT,
  type TextMapPropagator,
} from '@opentelemetry/api';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { CLUSTER_TRANSPORT, ClusterClient, ClusterContext, ClusterServer } from 'rookery';
import { injectTrace, traceCalls } from 'rookery/opentelemetry';
import { lastValueFrom, NEVER, of, toArray } from 'rxjs';
import { until } from '../integration/support.js';
import { closeAll, failureOf, gate, pair } from './members.js';

const TRACE = createContextKey('trace');
const storage = new AsyncLocalStorage<string>();
let seen: unknown[] = [];
afterEach(async () => {
  await closeAll();
  seen = [];
});

@Controller()
class MetadataController {
  @MessagePattern('echo-metadata')
  echo(@Payload() data: unknown, @Ctx() ctx: ClusterContext): unknown {
    return { data, metadata: ctx.getMetadata() ?? null };
  }

  @EventPattern<string>('record-metadata')
  record(@Payload() _data: unknown, @Ctx() ctx: ClusterContext): void {
    seen.push(ctx.getMetadata());
  }

  @MessagePattern('trace')
  async trace(): Promise<unknown> {
    await Promise.resolve();
    return context.active().getValue(TRACE) ?? null;
  }

  @MessagePattern('stored')
  async stored(): Promise<unknown> {
    await Promise.resolve();
    return storage.getStore();
  }

  @MessagePattern('stream')
  stream() {
    return of(1, 2);
  }

  @MessagePattern('endless')
  endless() {
    return NEVER;
  }

  @MessagePattern('failing')
  failing(): never {
    throw new Error('no');
  }

  @EventPattern<string>('happened')
  happened(data: unknown): void {
    seen.push(data);
  }
}

const members = () => pair({ controllers: [MetadataController] });

describe('the dispatch hook', () => {
  it('puts metadata beside the data of a request [51]', async () => {
    const [, app] = await members();
    const client = app.get(ClusterClient);
    client.setOnDispatchHook((packet) => {
      packet.metadata = { 'x-request-id': 'trace-1' };
    });
    expect(await lastValueFrom(client.send('echo-metadata', { orderId: 7 }))).toEqual({
      data: { orderId: 7 },
      metadata: { 'x-request-id': 'trace-1' },
    });
  });

  it('does so for an event that goes to one member [51, D5]', async () => {
    const [, app] = await members();
    const client = app.get(ClusterClient);
    client.setOnDispatchHook((packet) => {
      packet.metadata = { 'x-request-id': 'trace-2' };
    });
    await lastValueFrom(client.one().emit('record-metadata', {}));
    expect(seen).toEqual([{ 'x-request-id': 'trace-2' }]);
  });

  it('leaves the context without metadata where none was put there [52]', async () => {
    const [, app] = await members();
    expect(await lastValueFrom(app.get(ClusterClient).send('echo-metadata', 'plain'))).toEqual({
      data: 'plain',
      metadata: null,
    });
  });

  it('is called once for each packet, with the pattern and the data [53]', async () => {
    const [, app] = await members();
    const client = app.get(ClusterClient);
    const packets: unknown[] = [];
    client.setOnDispatchHook(({ pattern, data }) => packets.push({ pattern, data }));
    await lastValueFrom(client.send('echo-metadata', 1));
    await lastValueFrom(client.emit('happened', 2));
    expect(packets).toEqual([
      { pattern: 'echo-metadata', data: 1 },
      { pattern: 'happened', data: 2 },
    ]);
  });

  it('that throws fails the request, and the event, and nothing else', async () => {
    const [, app] = await members();
    const client = app.get(ClusterClient);
    client.setOnDispatchHook(() => {
      throw new Error('of the hook');
    });
    expect(await failureOf(lastValueFrom(client.send('echo-metadata', 1)))).toMatchObject({ message: 'of the hook' });
    expect(await failureOf(lastValueFrom(client.emit('happened', 1)))).toMatchObject({ message: 'of the hook' });
  });
});

describe('the processing hooks', () => {
  it('are called at the start and at the end of each, and once [54]', async () => {
    const [app, caller] = await members();
    const server = app.get(ClusterServer);
    server.setOnProcessingStartHook((transport, ctx, done) => {
      seen.push(`start ${(ctx as ClusterContext).getPattern()} ${String(transport === CLUSTER_TRANSPORT)}`);
      void done();
    });
    server.setOnProcessingEndHook((_transport, ctx) => seen.push(`end ${(ctx as ClusterContext).getPattern()}`));
    const client = caller.get(ClusterClient);
    await lastValueFrom(client.send('echo-metadata', 1));
    await lastValueFrom(client.send('stream', 1).pipe(toArray()));
    await failureOf(lastValueFrom(client.send('failing', 1)));
    const endless = client.send('endless', 1).subscribe();
    await until(() => seen.includes('start endless true'), 'the endless one');
    endless.unsubscribe();
    await until(() => seen.includes('end endless'), 'its end');
    client.emit('happened', 'event');
    await until(() => seen.includes('end happened'), 'the event');
    expect(seen).toEqual([
      'start echo-metadata true',
      'end echo-metadata',
      'start stream true',
      'end stream',
      'start failing true',
      'end failing',
      'start endless true',
      'end endless',
      'start happened true',
      'event',
      'end happened',
    ]);
  });

  it('carry an asynchronous context into the handler [54]', async () => {
    const [server, caller] = await members();
    server.get(ClusterServer).setOnProcessingStartHook((_transport, _ctx, done) => void storage.run('stored', done));
    expect(await lastValueFrom(caller.get(ClusterClient).send('stored', 1))).toBe('stored');
  });

  it('that fail are answered as other errors are, and hurt nobody else', async () => {
    const [app, caller] = await members();
    const client = caller.get(ClusterClient);
    const server = app.get(ClusterServer);
    const failed = { status: 'error', message: 'Internal server error' };
    server.setOnProcessingStartHook(() => {
      throw new Error('of the hook');
    });
    expect(await failureOf(lastValueFrom(client.send('echo-metadata', 1)))).toEqual(failed);
    server.setOnProcessingStartHook((() => Promise.reject(new Error('of the hook'))) as never);
    expect(await failureOf(lastValueFrom(client.send('echo-metadata', 1)))).toEqual(failed);
    server.setOnProcessingStartHook((_transport, _ctx, done) => void done());
    server.setOnProcessingEndHook(() => {
      throw new Error('of the hook');
    });
    expect(await lastValueFrom(client.send('stream', 1).pipe(toArray()))).toEqual([1, 2]);
  });
});

describe('rookery/opentelemetry', () => {
  /** As the propagators of OpenTelemetry do, with a header of our own. */
  const propagator: TextMapPropagator<Record<string, string>> = {
    inject: (active: Context, carrier) => {
      const trace = active.getValue(TRACE);
      if (typeof trace === 'string') carrier['traceparent'] = trace;
    },
    extract: (active: Context, carrier) => active.setValue(TRACE, carrier['traceparent']),
    fields: () => ['traceparent'],
  };
  const contexts = new AsyncLocalStorage<Context>();

  beforeAll(() => {
    propagation.setGlobalPropagator(propagator);
    context.setGlobalContextManager({
      active: () => contexts.getStore() ?? ROOT_CONTEXT,
      with: (active, fn, self, ...args) => contexts.run(active, () => fn.apply(self, args) as never),
      bind: (_active, target) => target,
      enable() {
        return this;
      },
      disable() {
        return this;
      },
    });
  });
  afterAll(() => {
    propagation.disable();
    context.disable();
  });

  it('lets a trace go on from the caller to the handler [55]', async () => {
    const [server, caller] = await members();
    const client = caller.get(ClusterClient);
    traceCalls({ client, server: server.get(ClusterServer) });
    const held = gate();
    const within = (trace: string) =>
      context.with(ROOT_CONTEXT.setValue(TRACE, trace), async () => {
        await held.opened;
        return lastValueFrom(client.send('trace', {}));
      });
    const traces = Promise.all([within('00-a'), within('00-b')]);
    held.open();
    expect(await traces).toEqual(['00-a', '00-b']);
    expect(await lastValueFrom(client.send('trace', {}))).toBeNull();
  });

  it('keeps what else is in the metadata', () => {
    const packet = { pattern: 'x', data: 1, metadata: { tenant: 't' } };
    context.with(ROOT_CONTEXT.setValue(TRACE, '00-c'), () => injectTrace(packet));
    expect(packet.metadata).toEqual({ tenant: 't', traceparent: '00-c' });
  });
});
