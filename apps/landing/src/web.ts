/** Settings of the web server that are not a matter of any one controller. */
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import type { NestExpressApplication } from '@nestjs/platform-express';
import type { NextFunction, Request, Response } from 'express';

/** Where htmx and its extensions lie in node_modules. */
const htmx = dirname(createRequire(import.meta.url).resolve('htmx.org/dist/htmx.min.js'));

export function configureWeb(app: NestExpressApplication): void {
  app.disable('x-powered-by');
  app.use((_request: Request, response: Response, next: NextFunction) => {
    response.setHeader('X-Content-Type-Options', 'nosniff');
    response.setHeader('Referrer-Policy', 'same-origin');
    next();
  });
  app.useStaticAssets(htmx, { prefix: '/assets/htmx/', maxAge: '1h', index: false });
}
