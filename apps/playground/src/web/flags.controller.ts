/** Hands changes of flags on to an api, and its answer back to the page. */
import { BadGatewayException, Body, Controller, Param, Post, Put, Res, UseFilters } from '@nestjs/common';
import type { Response } from 'express';
import { type FlagAnswer, FlagChanges } from '../flags/flag-changes.service.js';
import { readFlagRequest } from '../flags/flag-request.js';
import { FleetError } from '../fleet/errors.js';
import { FleetErrorFilter } from './fleet-error.filter.js';

@Controller('flags')
@UseFilters(FleetErrorFilter)
export class FlagsController {
  constructor(private readonly changes: FlagChanges) {}

  /** `{ "enabled": true, "description": "...", "via": "api-1" }`; all but the first may be left out. */
  @Put(':key')
  put(
    @Param('key') key: string,
    @Body() body: unknown,
    @Res({ passthrough: true }) response: Response,
  ): Promise<unknown> {
    const request = readFlagRequest(key, body);
    return this.#handBack(this.changes.put(request), response);
  }

  /** The same, but only for a flag that does not exist yet. */
  @Post(':key')
  create(
    @Param('key') key: string,
    @Body() body: unknown,
    @Res({ passthrough: true }) response: Response,
  ): Promise<unknown> {
    const request = readFlagRequest(key, body);
    return this.#handBack(this.changes.create(request), response);
  }

  async #handBack(answer: Promise<FlagAnswer>, response: Response): Promise<unknown> {
    try {
      const { status, body, via } = await answer;
      response.status(status);
      return { ...(body as object | undefined), via };
    } catch (error) {
      if (error instanceof FleetError) throw error;
      throw new BadGatewayException('The api did not answer; see the activity.', { cause: error });
    }
  }
}
