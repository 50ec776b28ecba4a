/** The landing pages as they run: their own module, in a cluster, with a view of that cluster at `/cluster`. */
import { type DynamicModule, Module } from '@nestjs/common';
import { ClusterModule } from 'rookery';
import { DashboardModule } from 'rookery/dashboard';
import { LandingModule } from './landing.module.js';
import { clusterOptions, type ReplicaConfig } from '@rookery/replica';

@Module({})
export class AppModule {
  static forRoot(config: ReplicaConfig): DynamicModule {
    return {
      module: AppModule,
      imports: [
        ClusterModule.forRoot(clusterOptions(config)),
        DashboardModule.forRoot({ path: 'cluster' }),
        LandingModule.forRoot(config),
      ],
    };
  }
}
