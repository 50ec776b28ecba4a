/** What the compiler accepts: these tests fail in `tsc`, where an error that is expected does not come. */
import 'reflect-metadata';
import { expect, it } from '@jest/globals';
import { type ClientProxy, type ClientsModuleOptions } from '@nestjs/microservices';
import { type CallOutcome, type Cluster, ClusterClient, type ClusterServer } from 'rookery';
import type { Observable } from 'rxjs';

declare module 'rookery' {
  interface ClusterCallMap {
    'typing.double': { request: number; response: number };
  }
}

/** Never called: the calls are for the compiler. */
export async function calls(cluster: Cluster, client: ClusterClient, server: ClusterServer): Promise<void> {
  const doubled: number = await cluster.request('typing.double', 2);
  // @ts-expect-error the request is a number
  await cluster.request('typing.double', 'two');
  const anything: unknown = await cluster.request('typing.undeclared', { any: 'thing' });
  cluster.respond('typing.double', (data) => data * 2);
  // @ts-expect-error the response is a number
  cluster.respond('typing.double', () => 'two');

  const observed: Observable<number> = client.send<number>({ cmd: 'sum' }, [1]);
  const outcomes: Observable<CallOutcome<number>> = client.all().send<CallOutcome<number>>('sum', [1]);
  const view: ClusterClient = client.to('a').by('b').where({ zone: 'c' }).local().one().withDeadline(5).idempotent();
  client.on('member.up', ({ member }) => member.name);
  // @ts-expect-error there is no such event
  client.on('member.gone', () => undefined);
  server.on('gap', ({ reason }) => reason.length);
  const proxy: ClientProxy = client;
  const node: Cluster = client.unwrap();
  expect([doubled, anything, observed, outcomes, view, proxy, node]).toBeDefined();
}

it('is a matter of types alone: a client is one of those that ClientsModule takes', () => {
  const options: ClientsModuleOptions = [{ name: 'A', customClass: ClusterClient, options: { timeoutMs: 5 } }];
  expect(options).toHaveLength(1);
});
