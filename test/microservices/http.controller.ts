/** An HTTP controller that asks other members. */
import { Body, Controller, HttpCode, Post, Query } from '@nestjs/common';
import { ClusterClient } from 'rookery';
import type { Observable } from 'rxjs';

@Controller()
export class HttpController {
  constructor(private readonly client: ClusterClient) {}

  @Post()
  @HttpCode(200)
  call(@Query('pattern') pattern: string, @Body() data: object): Observable<unknown> {
    return this.client.send(pattern, data);
  }
}
