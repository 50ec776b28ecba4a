/**
 * The flags exactly as this replica holds them, for those who run it: the reasons name hosts and files. Reading only,
 * for the api writes.
 */
import { Controller, Get, Header, NotFoundException, Param } from '@nestjs/common';
import { FeatureFlagsService, type Flag, type FlagReading, type FlagsStatus } from '@rookery/feature-flags';

@Controller('flags')
export class FlagsController {
  constructor(private readonly flags: FeatureFlagsService) {}

  /** Answers also while nothing could be loaded yet: `stale` says what the list is worth. */
  @Get()
  @Header('Cache-Control', 'no-store')
  list(): { flags: readonly Flag[] } & FlagsStatus {
    return { flags: this.flags.list(), ...this.flags.status() };
  }

  @Get(':key')
  @Header('Cache-Control', 'no-store')
  get(@Param('key') key: string): { flag: Flag } & FlagsStatus {
    const flag = this.flags.get(key);
    const status = this.flags.status();
    if (flag === undefined) {
      throw new NotFoundException({
        statusCode: 404,
        code: 'FLAGS_NOT_FOUND',
        message: 'This replica knows no such flag.',
        ...status,
      });
    }
    return { flag, ...status };
  }

  /** The same as an application asks that can wait: what it gets while the copy is stale is the choice of `whenStale`. */
  @Get(':key/read')
  @Header('Cache-Control', 'no-store')
  read(@Param('key') key: string): Promise<FlagReading> {
    return this.flags.read(key);
  }
}
