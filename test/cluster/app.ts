/** Applications for the tests, on a fake cluster. */
import type { INestApplication, LoggerService, ModuleMetadata } from '@nestjs/common';
import { Test, type TestingModule, type TestingModuleBuilder } from '@nestjs/testing';
import { Cluster, ClusterModule, type ClusterOptions } from 'rookery';
import { FakeCluster } from './fake-cluster.js';

const nothing = (): void => undefined;

/** What the tests provoke is not worth a line on the console. */
export const silent: LoggerService = { log: nothing, warn: nothing, error: nothing, debug: nothing };

/** A module with the cluster in it, not yet initialized: nothing is subscribed, nothing started. */
export function appWith(
  metadata: ModuleMetadata,
  cluster = new FakeCluster(),
  options?: ClusterOptions,
): TestingModuleBuilder {
  return Test.createTestingModule({
    ...metadata,
    imports: [ClusterModule.forRoot(options), ...(metadata.imports ?? [])],
  })
    .setLogger(silent)
    .overrideProvider(Cluster)
    .useValue(cluster);
}

/** A running application without HTTP. */
export async function start(metadata: ModuleMetadata, cluster = new FakeCluster()): Promise<TestingModule> {
  const app = await appWith(metadata, cluster).compile();
  return app.init();
}

/** A running application with HTTP, set up by `configure` before it is initialized. */
export async function startHttp(
  metadata: ModuleMetadata,
  cluster = new FakeCluster(),
  configure: (app: INestApplication) => void = () => undefined,
): Promise<INestApplication> {
  const app = (await appWith(metadata, cluster).compile()).createNestApplication({ logger: false });
  configure(app);
  return app.init();
}
