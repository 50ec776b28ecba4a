/** Settings of the web server: who is let in, what a page may do, and the files it is made of. */
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { NestExpressApplication } from '@nestjs/platform-express';
import type { NextFunction, Request, Response } from 'express';
import { refusalOf } from './admission.js';

const page = fileURLToPath(new URL('../../public/', import.meta.url));
/** Where cytoscape, which draws the graph, lies in node_modules. */
const cytoscape = dirname(createRequire(import.meta.url).resolve('cytoscape/dist/cytoscape.min.js'));

/** Scripts, styles and connections of our own and nothing else: no inline script, no `eval`, no frame around us. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

export function configureWeb(app: NestExpressApplication): void {
  app.disable('x-powered-by');
  app.use((request: Request, response: Response, next: NextFunction) => {
    response.setHeader('Content-Security-Policy', CONTENT_SECURITY_POLICY);
    response.setHeader('X-Content-Type-Options', 'nosniff');
    response.setHeader('Referrer-Policy', 'no-referrer');
    response.setHeader('Cross-Origin-Resource-Policy', 'same-origin');
    response.setHeader('Cache-Control', 'no-cache');
    const { method, headers, socket } = request;
    const refusal = refusalOf({ method, host: headers.host, origin: headers.origin }, socket.localPort ?? 0);
    if (refusal === undefined) next();
    else response.status(403).json({ statusCode: 403, message: refusal });
  });
  app.useStaticAssets(page);
  app.useStaticAssets(cytoscape, { prefix: '/cytoscape/', index: false });
}
