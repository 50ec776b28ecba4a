/** Turns errors of the flags into answers: a status, the stable code, and the reason. */
import { type ArgumentsHost, Catch, type ExceptionFilter, HttpStatus } from '@nestjs/common';
import { FlagsDatabaseError, FlagsError, type FlagsErrorCode } from '@rookery/feature-flags';
import type { Response } from 'express';
import { InvalidRequestError } from '../invalid-request.error.js';

const STATUS: Record<FlagsErrorCode | InvalidRequestError['code'], HttpStatus> = {
  FLAGS_INVALID_REQUEST: HttpStatus.BAD_REQUEST,
  PRICING_INVALID_REQUEST: HttpStatus.BAD_REQUEST,
  FLAGS_NOT_FOUND: HttpStatus.NOT_FOUND,
  FLAGS_LIMIT_REACHED: HttpStatus.CONFLICT,
  FLAGS_DATABASE_UNAVAILABLE: HttpStatus.SERVICE_UNAVAILABLE,
  FLAGS_NOT_LOADED: HttpStatus.SERVICE_UNAVAILABLE,
  FLAGS_NOT_READ: HttpStatus.SERVICE_UNAVAILABLE,
  FLAGS_INVALID_EVENT: HttpStatus.INTERNAL_SERVER_ERROR,
  FLAGS_INVALID_OPTIONS: HttpStatus.INTERNAL_SERVER_ERROR,
};

const RETRY_AFTER_S = 2;

@Catch(FlagsError, InvalidRequestError)
export class FlagsErrorFilter implements ExceptionFilter {
  catch(error: FlagsError | InvalidRequestError, host: ArgumentsHost): void {
    const response = host.switchToHttp().getResponse<Response>();
    const statusCode = STATUS[error.code];
    if (statusCode === HttpStatus.SERVICE_UNAVAILABLE) response.setHeader('Retry-After', RETRY_AFTER_S);
    response.status(statusCode).json({
      statusCode,
      code: error.code,
      message: error.message,
      ...(error instanceof InvalidRequestError && { problems: error.problems }),
      // The one thing a client cannot find out by itself: whether its change may have been made all the same.
      ...(error instanceof FlagsDatabaseError && { outcome: error.outcome }),
    });
  }
}
