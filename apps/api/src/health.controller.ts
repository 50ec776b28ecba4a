/** Readiness, for a load balancer: whether this replica wants requests. Liveness is that it answers at all. */
import { Controller, Get, HttpStatus, Res } from '@nestjs/common';
import { FeatureFlagsService, type FlagsStatus } from '@rookery/feature-flags';
import type { Response } from 'express';
import { Cluster } from 'rookery';
import { HttpDrain } from './http-drain.js';

/** What `GET /health` answers. Stale flags do not make a replica unready: it serves what it has, and says so. */
export interface Health {
  readonly status: 'ready' | 'draining';
  readonly node: string;
  readonly flags: FlagsStatus;
}

@Controller('health')
export class HealthController {
  constructor(
    private readonly cluster: Cluster,
    private readonly flags: FeatureFlagsService,
    private readonly drain: HttpDrain,
  ) {}

  @Get()
  check(@Res({ passthrough: true }) response: Response): Health {
    const { draining } = this.drain;
    response.status(draining ? HttpStatus.SERVICE_UNAVAILABLE : HttpStatus.OK);
    response.setHeader('Cache-Control', 'no-store');
    return { status: draining ? 'draining' : 'ready', node: this.cluster.self.name, flags: this.flags.status() };
  }
}
