/** Turns refusals into answers: a status, the stable code, and the reason. */
import { type ArgumentsHost, Catch, type ExceptionFilter, HttpStatus } from '@nestjs/common';
import type { Response } from 'express';
import { FleetError, type FleetErrorCode } from '../fleet/errors.js';

const STATUS: Record<FleetErrorCode, HttpStatus> = {
  INVALID_REQUEST: HttpStatus.BAD_REQUEST,
  UNKNOWN_REPLICA: HttpStatus.NOT_FOUND,
  WRONG_STATE: HttpStatus.CONFLICT,
  TOO_MANY_REPLICAS: HttpStatus.CONFLICT,
  FLAG_EXISTS: HttpStatus.CONFLICT,
  ENDING: HttpStatus.SERVICE_UNAVAILABLE,
};

@Catch(FleetError)
export class FleetErrorFilter implements ExceptionFilter {
  catch({ code, message }: FleetError, host: ArgumentsHost): void {
    const statusCode = STATUS[code];
    host.switchToHttp().getResponse<Response>().status(statusCode).json({ statusCode, code, message });
  }
}
