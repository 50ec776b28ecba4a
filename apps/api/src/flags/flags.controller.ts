/** The REST face of the flags. Reads come from memory; writes are answered when the replicas have answered. */
import { Body, Controller, Delete, Get, HttpStatus, Param, Put, Res, UseFilters } from '@nestjs/common';
import { FeatureFlagsService, type Flag, FlagsError, type FlagsStatus } from '@rookery/feature-flags';
import type { Response } from 'express';
import { parseFlag, parseKey } from './flag-input.js';
import { FlagWriter, type Live } from './flag-writer.service.js';
import { FlagsErrorFilter } from './flags-error.filter.js';

@Controller('flags')
@UseFilters(FlagsErrorFilter)
export class FlagsController {
  constructor(
    private readonly flags: FeatureFlagsService,
    private readonly writer: FlagWriter,
  ) {}

  @Get()
  list(): { flags: readonly Flag[] } & FlagsStatus {
    const status = this.#loadedStatus();
    return { flags: this.flags.list(), ...status };
  }

  @Get(':key')
  get(@Param('key') key: string): { flag: Flag } & FlagsStatus {
    const status = this.#loadedStatus();
    const flag = this.flags.get(parseKey(key));
    if (flag === undefined) throw new FlagsError('FLAGS_NOT_FOUND', `There is no flag "${key}".`);
    return { flag, ...status };
  }

  /** 201 when it made the flag, 200 when it changed it. */
  @Put(':key')
  async put(
    @Param('key') key: string,
    @Body() body: unknown,
    @Res({ passthrough: true }) response: Response,
  ): Promise<{ flag: Flag; live: Live }> {
    const { created, record, live } = await this.writer.put(key, parseFlag(key, body));
    response.status(created ? HttpStatus.CREATED : HttpStatus.OK);
    return { flag: record, live };
  }

  @Delete(':key')
  async delete(@Param('key') key: string): Promise<{ flag: Flag; live: Live }> {
    const { record, live } = await this.writer.delete(parseKey(key));
    return { flag: record, live };
  }

  /** Before the first load an empty list would be a lie. */
  #loadedStatus(): FlagsStatus {
    const status = this.flags.status();
    if (status.loadedAt === null) {
      throw new FlagsError('FLAGS_NOT_LOADED', `The flags could not be loaded yet: ${status.reasons.join('; ')}.`);
    }
    return status;
  }
}
