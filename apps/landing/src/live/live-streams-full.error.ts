/** Says that this replica keeps as many pages current as it will. */
import { HttpStatus, ServiceUnavailableException } from '@nestjs/common';

export class LiveStreamsFullError extends ServiceUnavailableException {
  readonly code = 'LIVE_STREAMS_FULL';

  constructor(limit: number) {
    super({
      statusCode: HttpStatus.SERVICE_UNAVAILABLE,
      code: 'LIVE_STREAMS_FULL',
      message: `This replica keeps ${limit} pages current already. The page works without; it asks again by itself.`,
    });
  }
}
