/** Talks to replicas, over connections that are kept or not. */
import { Agent, request as httpRequest } from 'node:http';

const TIMEOUT_MS = 5_000;

/**
 * @param {string} address host:port
 * @returns {Promise<{ status: number, text: string, isLast: boolean }>} `isLast`: the client shall close the connection
 */
export function send(address, path, { method = 'GET', body, agent } = {}) {
  const own = agent ?? new Agent({ keepAlive: true }); // asks for a kept connection, so that a refusal to keep it shows
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { 'content-type': 'application/json' };
    const request = httpRequest(`http://${address}${path}`, { method, headers, agent: own }, (response) => {
      const chunks = [];
      response
        .on('data', (chunk) => chunks.push(chunk))
        .on('error', reject)
        .on('end', () =>
          resolve({
            status: response.statusCode,
            text: Buffer.concat(chunks).toString(),
            isLast: response.headers.connection === 'close',
          }),
        );
    });
    request.setTimeout(TIMEOUT_MS, () => request.destroy(new Error(`no answer within ${TIMEOUT_MS} ms`)));
    request.on('error', reject).end(body);
  }).finally(() => {
    if (own !== agent) own.destroy();
  });
}

export async function getJson(address, path) {
  const { status, text } = await send(address, path);
  if (status !== 200) throw new Error(`${address}${path} answered ${status}: ${text.slice(0, 200)}`);
  return JSON.parse(text);
}
