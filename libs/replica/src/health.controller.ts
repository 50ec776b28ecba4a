/** Readiness, for a load balancer: whether this replica wants requests; and liveness: that it answers at all. */
import { Controller, Get, Header, HttpStatus, Res } from '@nestjs/common';
import { FeatureFlagsService, type FlagsStatus } from '@rookery/feature-flags';
import type { Response } from 'express';
import { Cluster, ClusterLifecycle, type ClusterPhase } from 'rookery';

/** What `GET /health` answers. Stale flags do not make a replica unready: it serves what it has, and says so. */
export interface Health {
  readonly status: 'starting' | 'ready' | 'draining';
  readonly node: string;
  readonly flags: FlagsStatus;
}

const STATUS: Record<ClusterPhase, Health['status']> = {
  idle: 'starting',
  joining: 'starting',
  joined: 'ready',
  draining: 'draining',
  left: 'draining',
};

@Controller('health')
export class HealthController {
  constructor(
    private readonly cluster: Cluster,
    private readonly lifecycle: ClusterLifecycle,
    private readonly flags: FeatureFlagsService,
  ) {}

  /** Looks at nothing: no restart mends what is wrong elsewhere, and a replica that drains is alive. */
  @Get('live')
  @Header('Cache-Control', 'no-store')
  live(): { status: 'alive' } {
    return { status: 'alive' };
  }

  @Get()
  @Header('Cache-Control', 'no-store')
  check(@Res({ passthrough: true }) response: Response): Health {
    const status = STATUS[this.lifecycle.phase];
    response.status(status === 'ready' ? HttpStatus.OK : HttpStatus.SERVICE_UNAVAILABLE);
    return { status, node: this.cluster.self.name, flags: this.flags.status() };
  }
}
