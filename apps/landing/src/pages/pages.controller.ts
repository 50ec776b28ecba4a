/** The landing page and the files it is made with. A request for it reads nothing outside this process. */
import { Controller, Get, Header, NotFoundException, Param, Res } from '@nestjs/common';
import { FeatureFlagsService } from '@rookery/feature-flags';
import type { Response } from 'express';
import { Cluster } from 'rookery';
import { pageState } from './page-state.js';
import { Templates } from './templates.js';

/** Scripts, styles and connections of our own and nothing else: no inline script, no `eval`, no frame around us. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'", // htmx fetches the event stream
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

@Controller()
export class PagesController {
  constructor(
    private readonly flags: FeatureFlagsService,
    private readonly cluster: Cluster,
    private readonly templates: Templates,
  ) {}

  @Get()
  @Header('Content-Type', 'text/html; charset=utf-8')
  @Header('Content-Security-Policy', CONTENT_SECURITY_POLICY)
  @Header('Cache-Control', 'no-store')
  landing(): string {
    return this.templates.page(pageState(this.flags, this.cluster.self.name));
  }

  @Get('assets/:hash/:name')
  @Header('Cache-Control', 'public, max-age=31536000, immutable')
  asset(
    @Param('hash') hash: string,
    @Param('name') name: string,
    @Res({ passthrough: true }) response: Response,
  ): string {
    const asset = Object.values(this.templates.assets).find(({ url }) => url === `/assets/${hash}/${name}`);
    if (asset === undefined) throw new NotFoundException();
    response.type(asset.type);
    return asset.content;
  }
}
