/** Nest applications that are members of one cluster, over real links of loopback, in this process. */
import type { INestApplication, ModuleMetadata } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { Cluster, ClusterModule, type ClusterOptions, ClusterServer, type PeerAddress, staticPeers } from 'rookery';
import { silent } from '../cluster/app.js';
import { until } from '../integration/support.js';

const running: { close(): Promise<unknown> }[] = [];

/** Closed by {@link closeAll}, if it was not before. */
export function keep<T extends { close(): Promise<unknown> }>(app: T): T {
  running.push(app);
  return app;
}

export async function closeAll(): Promise<void> {
  await Promise.all(running.splice(0).map((app) => app.close()));
}

/** The module of a member that knows those at `seeds`. */
export function clusterOf(name: string, seeds: readonly PeerAddress[] = [], options: ClusterOptions = {}) {
  return ClusterModule.forRoot({
    name,
    cookie: 'microservices-in-one-process',
    listen: { host: '127.0.0.1', port: 0 },
    discovery: staticPeers(seeds),
    ...options,
  });
}

export function compile(
  name: string,
  metadata: ModuleMetadata,
  seeds: readonly PeerAddress[] = [],
  options: ClusterOptions = {},
): Promise<TestingModule> {
  const imports = [clusterOf(name, seeds, options), ...(metadata.imports ?? [])];
  return Test.createTestingModule({ ...metadata, imports })
    .setLogger(silent)
    .compile();
}

/** A hybrid application whose handlers are served, set up by `configure` before it starts. */
export async function startMember(
  name: string,
  metadata: ModuleMetadata = {},
  seeds: readonly PeerAddress[] = [],
  configure: (app: INestApplication) => void = (app) =>
    void app.connectMicroservice({ strategy: app.get(ClusterServer) }),
  options: ClusterOptions = {},
): Promise<INestApplication> {
  const app = keep((await compile(name, metadata, seeds, options)).createNestApplication({ logger: false }));
  configure(app);
  await app.startAllMicroservices();
  await app.init();
  return app;
}

export function addressOf(app: { get(token: typeof Cluster): Cluster }): PeerAddress {
  return app.get(Cluster).self.address;
}

/** A member that serves, and one that calls and knows the first. */
export async function pair(
  server: ModuleMetadata,
  client: ModuleMetadata = {},
): Promise<[server: INestApplication, client: INestApplication]> {
  const first = await startMember('server', server);
  const second = await startMember('client', client, [addressOf(first)]);
  return [first, second];
}

/** Members that all know each other; the first of them is alone at first. */
export async function crowd(
  count: number,
  metadata: (index: number) => ModuleMetadata,
  options: (index: number) => ClusterOptions = () => ({}),
): Promise<INestApplication[]> {
  const first = await startMember('member-0', metadata(0), [], undefined, options(0));
  const rest = Array.from({ length: count - 1 }, (_, index) =>
    startMember(`member-${index + 1}`, metadata(index + 1), [addressOf(first)], undefined, options(index + 1)),
  );
  const apps = [first, ...(await Promise.all(rest))];
  await until(() => apps.every((app) => app.get(Cluster).members('up').length === count - 1), 'a full mesh');
  return apps;
}

/** A promise, and what keeps it. */
export function gate<T = void>(): { readonly open: (value: T) => void; readonly opened: Promise<T> } {
  let open!: (value: T) => void;
  const opened = new Promise<T>((resolve) => (open = resolve));
  return { open, opened };
}

/** What a promise rejects with. */
export async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('It was expected to fail.');
}

/** Breaks every link of a member, as the end of its process does. */
export function breakLinks(app: INestApplication): void {
  const { mesh } = app.get(Cluster) as unknown as {
    mesh: { links: Set<{ connection: { destroy(why: string): void } }> };
  };
  for (const { connection } of mesh.links) connection.destroy('broken by the test');
}
