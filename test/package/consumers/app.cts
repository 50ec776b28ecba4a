// The same application as a CommonJS module, as older projects have it.
import 'reflect-metadata';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Cluster, ClusterBroadcast, ClusterModule, type EventContext, OnClusterEvent, staticPeers } from 'rookery';
import { clusterView, DashboardModule } from 'rookery/dashboard';
import { publishAfterCommit } from 'rookery/typeorm';

declare module 'rookery' {
  interface ClusterEventMap {
    'flag.changed': { readonly key: string; readonly enabled: boolean };
  }
}

@Injectable()
class Flags {
  private tell!: (what: string) => void;
  readonly heard = new Promise<string>((resolve) => (this.tell = resolve));

  constructor(private readonly cluster: Cluster) {}

  @ClusterBroadcast('flag.changed')
  enable(key: string) {
    return { key, enabled: true };
  }

  @OnClusterEvent('flag.changed')
  onFlagChanged({ key, enabled }: { key: string; enabled: boolean }, { from }: EventContext): void {
    this.tell(`${key} ${enabled} ${from.name}`);
  }

  // @ts-expect-error -- not the payload that was declared
  @OnClusterEvent('flag.changed')
  onNumber(_payload: number): void {}

  publish(): void {
    // @ts-expect-error -- not the payload that was declared
    this.cluster.publish('flag.changed', { key: 1 });
  }
}

@Module({
  imports: [
    ClusterModule.forRoot({
      name: 'app',
      cookie: 'correct horse battery staple',
      listen: { host: '127.0.0.1', port: 0 },
      discovery: staticPeers([]),
    }),
    DashboardModule.forRoot(),
  ],
  providers: [Flags],
})
class AppModule {}

async function main(): Promise<void> {
  const app = await NestFactory.createApplicationContext(AppModule, { logger: ['error'] });
  const flags = app.get(Flags);
  flags.enable('checkout');
  const { self } = clusterView(app.get(Cluster));
  console.log(`heard ${await flags.heard} at ${self.name}, ${typeof publishAfterCommit}`);
  await app.close();
}

void main();
