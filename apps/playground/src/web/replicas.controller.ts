/** What the page can do with replicas. Answered when it was begun: what comes of it is seen in the view. */
import { Body, Controller, HttpCode, HttpStatus, Param, Post, UseFilters } from '@nestjs/common';
import { FleetError } from '../fleet/errors.js';
import { Fleet } from '../fleet/fleet.service.js';
import { isApp } from '../fleet/replica-plan.js';
import { FleetErrorFilter } from './fleet-error.filter.js';

@Controller('replicas')
@UseFilters(FleetErrorFilter)
export class ReplicasController {
  constructor(private readonly fleet: Fleet) {}

  /** Starts one more: `{ "app": "landing" }`. */
  @Post()
  @HttpCode(HttpStatus.ACCEPTED)
  add(@Body() body: unknown): { name: string } {
    const { app } = (body ?? {}) as { app?: unknown };
    if (!isApp(app)) throw new FleetError('INVALID_REQUEST', '"app" must be "api" or "landing".');
    return { name: this.fleet.startAnother(app) };
  }

  @Post(':name/start')
  @HttpCode(HttpStatus.ACCEPTED)
  start(@Param('name') name: string): { name: string } {
    this.fleet.startAgain(name);
    return { name };
  }

  @Post(':name/stop')
  @HttpCode(HttpStatus.ACCEPTED)
  stop(@Param('name') name: string): { name: string } {
    this.fleet.stop(name);
    return { name };
  }

  @Post(':name/kill')
  @HttpCode(HttpStatus.ACCEPTED)
  kill(@Param('name') name: string): { name: string } {
    this.fleet.kill(name);
    return { name };
  }
}
