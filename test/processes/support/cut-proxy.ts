/** A TCP proxy on loopback that cuts connections: at both ends or at one, at a chosen number of bytes. */
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { once } from 'node:events';

interface Pair {
  readonly near: Socket;
  readonly far: Socket;
}

export class CutProxy {
  private readonly pairs = new Set<Pair>();
  /** Pairs whose near end was cut while the far end stays open and silent. */
  private readonly abandoned = new Set<Pair>();
  private readonly server: Server;
  /** Cut once this many more bytes have passed in either direction. */
  private budget = Number.POSITIVE_INFINITY;
  private isOneSided = false;
  /** Every connection, old and new, is closed at once. */
  private isBlocked = false;
  cuts = 0;

  private constructor(readonly targetPort: number) {
    this.server = createServer((near) => this.onConnection(near));
  }

  /** Listens on a free port and forwards to `targetPort`. */
  static async start(targetPort: number): Promise<CutProxy> {
    const proxy = new CutProxy(targetPort);
    proxy.server.listen(0, '127.0.0.1');
    await once(proxy.server, 'listening');
    return proxy;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  get connections(): number {
    return this.pairs.size;
  }

  /** Cuts every connection after `bytes` more bytes; with `isOneSided` the dialled end is left open and silent. */
  cutAfter(bytes: number, isOneSided: boolean): void {
    this.budget = bytes;
    this.isOneSided = isOneSided;
  }

  /** Cuts every connection, and lets nobody through any more. */
  block(): void {
    this.isBlocked = true;
    for (const { near, far } of this.pairs) {
      near.resetAndDestroy();
      far.resetAndDestroy();
    }
  }

  close(): void {
    this.server.close();
    for (const { near, far } of [...this.pairs, ...this.abandoned]) {
      near.destroy();
      far.destroy();
    }
  }

  private onConnection(near: Socket): void {
    if (this.isBlocked) {
      near.resetAndDestroy();
      return;
    }
    const far = connect({ host: '127.0.0.1', port: this.targetPort });
    const pair = { near, far };
    this.pairs.add(pair);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.setNoDelay(true);
      from.on('data', (chunk: Buffer) => this.forward(chunk, to));
      from.on('error', () => from.destroy());
      from.on('close', () => {
        // An abandoned far end stays open: that is what half-open means.
        if (!this.abandoned.has(pair)) to.destroy();
        this.pairs.delete(pair);
      });
    }
  }

  private forward(chunk: Buffer, to: Socket): void {
    if (chunk.length < this.budget) {
      this.budget -= chunk.length;
      to.write(chunk);
      return;
    }
    // The bytes up to the cut still pass: frames are torn in the middle.
    to.write(chunk.subarray(0, this.budget));
    this.budget = Number.POSITIVE_INFINITY;
    this.cuts++;
    for (const pair of this.pairs) {
      if (this.isOneSided) {
        this.abandoned.add(pair);
        pair.far.removeAllListeners('data');
        pair.near.resetAndDestroy();
        pair.far.resume();
      } else {
        pair.near.resetAndDestroy();
        pair.far.resetAndDestroy();
      }
      this.pairs.delete(pair);
    }
  }
}
