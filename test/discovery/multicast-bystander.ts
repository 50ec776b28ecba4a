/** Somebody else in a multicast group: hears what nodes ask, and sends whatever a test wants, from a port of its own. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { StrategyContext } from 'rookery/testing';
import {
  isMessage,
  type MulticastMessage,
  MulticastPackets,
} from '../../libs/discovery/src/strategies/multicast/multicast-packet.js';

export interface Heard {
  readonly packet: Buffer;
  readonly port: number;
}

export class Bystander {
  /** What came to the group, and what came to this one alone. */
  readonly inGroup: Heard[] = [];
  readonly own: Buffer[] = [];
  private readonly waiting = new Set<() => void>();

  private constructor(
    private readonly group: Socket,
    private readonly socket: Socket,
    private readonly address: string,
    private readonly port: number,
  ) {}

  static async join(address: string, port: number): Promise<Bystander> {
    const group = createSocket({ type: 'udp4', reuseAddr: true });
    const socket = createSocket('udp4');
    const bystander = new Bystander(group, socket, address, port);
    group.bind(port);
    socket.bind(0, '127.0.0.1');
    await Promise.all([once(group, 'listening'), once(socket, 'listening')]);
    group.addMembership(address, '127.0.0.1');
    socket.setMulticastInterface('127.0.0.1');
    group.on('message', (packet, source) => {
      bystander.inGroup.push({ packet, port: source.port });
      bystander.wake();
    });
    socket.on('message', (packet) => {
      bystander.own.push(packet);
      bystander.wake();
    });
    return bystander;
  }

  get ownPort(): number {
    return (this.socket.address() as AddressInfo).port;
  }

  /** To the group, or to a port of this machine. */
  async send(packet: Uint8Array, port?: number): Promise<void> {
    const to = port === undefined ? ([this.port, this.address] as const) : ([port, '127.0.0.1'] as const);
    await new Promise<void>((resolve, reject) => {
      this.socket.send(packet, ...to, (error) => (error === null ? resolve() : reject(error)));
    });
  }

  /** The next packet of a kind to the group, of a node other than those named. */
  async next(context: StrategyContext, kind: MulticastMessage['kind'], from = this.inGroup.length): Promise<Heard> {
    const packets = new MulticastPackets(context.self.cluster, context);
    for (;;) {
      for (const heard of this.inGroup.slice(from)) {
        const message = packets.decode(heard.packet);
        if (isMessage(message) && message.kind === kind) return heard;
      }
      await this.change();
    }
  }

  /** Resolves once this many packets came to this one alone. */
  async until(count: number): Promise<void> {
    while (this.own.length < count) await this.change();
  }

  async leave(): Promise<void> {
    const closed = [this.group, this.socket].map((socket) => once(socket, 'close'));
    this.group.close();
    this.socket.close();
    await Promise.all(closed);
  }

  private change(): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.waiting.delete(done);
        resolve();
      };
      this.waiting.add(done);
    });
  }

  private wake(): void {
    this.waiting.forEach((done) => done());
  }
}

/** A UDP port that nobody has. */
export async function freeUdpPort(): Promise<number> {
  const socket = createSocket('udp4');
  socket.bind(0);
  await once(socket, 'listening');
  const { port } = socket.address() as AddressInfo;
  const closed = once(socket, 'close');
  socket.close();
  await closed;
  return port;
}
