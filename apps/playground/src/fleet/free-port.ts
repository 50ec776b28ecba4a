/** Finds a port to serve at. */
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';

/** The wanted port if nobody listens there, else one that is free at this moment. */
export async function freePort(wanted: number): Promise<number> {
  try {
    return await probe(wanted);
  } catch {
    return probe(0); // Taken, or not for us to use.
  }
}

async function probe(port: number): Promise<number> {
  const server = createServer().listen(port, '127.0.0.1');
  await once(server, 'listening');
  const { port: found } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return found;
}
