/**
 * The landing page and the files it is made with. All that flags decide is read from the memory of this process. One thing is
 * asked of another: the price, of an api replica, within a deadline; the page comes without it when nobody answers.
 */
import { Controller, Get, Header, NotFoundException, Param, Res } from '@nestjs/common';
import { FeatureFlagsService } from '@rookery/feature-flags';
import type { Response } from 'express';
import { Cluster } from 'rookery';
import { ApiCalls } from '../calls/api-calls.service.js';
import { FIRST_SIZE, quoteView } from '../quotes/quote-view.js';
import { CONTENT_SECURITY_POLICY } from './content-security-policy.js';
import { pageState } from './page-state.js';
import { Templates } from './templates.js';

@Controller()
export class PagesController {
  constructor(
    private readonly flags: FeatureFlagsService,
    private readonly cluster: Cluster,
    private readonly calls: ApiCalls,
    private readonly templates: Templates,
  ) {}

  @Get()
  @Header('Content-Type', 'text/html; charset=utf-8')
  @Header('Content-Security-Policy', CONTENT_SECURITY_POLICY)
  @Header('Cache-Control', 'no-store')
  async landing(): Promise<string> {
    const quote = quoteView(await this.calls.quote({ people: FIRST_SIZE }));
    return this.templates.page(pageState(this.flags, this.cluster.self.name), quote);
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
