/**
 * The two sockets of one node: one hears the group, on the port that all share; the other asks, and gets the answers, on a
 * port of its own, for of several processes that share a port only one would get what is sent to it.
 */
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { MulticastInterface } from './multicast-interfaces.js';
import { MAX_PACKET_BYTES } from './multicast-packet.js';
import type { ResolvedMulticastOptions } from './multicast-options.js';

/** Where a packet came from, and where its answer goes. */
export interface PacketSource {
  /** With its zone, when it is link-local. */
  readonly address: string;
  readonly port: number;
}

/** Who hears what arrives. */
export interface MulticastListener {
  /** @param isAsked - whether it came to the socket that asks. */
  onPacket(packet: Buffer, source: PacketSource, isAsked: boolean): void;
  /** The sockets do not work any more; they are to be closed. */
  onFailure(error: Error): void;
}

/** What does not work on which interface, by its name. */
export type InterfaceFailures = Map<string, unknown>;

/** So many packets may wait for others to be sent. */
const MAX_WAITING = 8;

export class MulticastSockets {
  private readonly joined = new Set<string>();
  private sending: Promise<unknown> = Promise.resolve();
  private waiting = 0;
  private isClosed = false;

  private constructor(
    private readonly group: Socket,
    private readonly own: Socket,
    private readonly options: ResolvedMulticastOptions,
  ) {}

  /** Rejects with the error of the system. */
  static async open(options: ResolvedMulticastOptions, listener: MulticastListener): Promise<MulticastSockets> {
    const [type, ipv6Only] = options.family === 'IPv6' ? (['udp6', true] as const) : (['udp4', false] as const);
    const group = createSocket({ type, ipv6Only, reuseAddr: true });
    const own = createSocket({ type, ipv6Only });
    const sockets = new MulticastSockets(group, own, options);
    try {
      // Workers of node:cluster would otherwise share one socket, and each packet would come to one of them only.
      await Promise.all([bind(group, options.port), bind(own, 0)]);
      own.setMulticastTTL(options.ttl);
      // So that the processes of one machine hear each other; Windows asks the one that listens.
      for (const socket of [group, own]) socket.setMulticastLoopback(true);
    } catch (error) {
      sockets.close();
      throw error;
    }
    for (const socket of [group, own]) {
      socket.on('error', (error) => listener.onFailure(error));
      socket.on('message', (packet: Buffer, { address, port }: RemoteInfo) => {
        // A longer one is none of ours; nor can a port of 0 be answered.
        if (packet.length > MAX_PACKET_BYTES || port === 0 || sockets.isClosed) return;
        listener.onPacket(packet, { address, port }, socket === own);
      });
      socket.unref();
    }
    return sockets;
  }

  /** Hears the group on these interfaces; to be called again at every poll, for an interface that comes back is another one. */
  join(interfaces: readonly MulticastInterface[]): InterfaceFailures {
    const failures: InterfaceFailures = new Map();
    for (const { name, handle } of interfaces) {
      try {
        this.group.addMembership(this.options.group, handle);
        this.joined.add(handle);
      } catch (error) {
        // Whoever is a member already is told so, by one code or another.
        const isMember = this.joined.has(handle) || (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
        if (!isMember) failures.set(name, error);
      }
    }
    for (const handle of this.joined) {
      if (!interfaces.some((each) => each.handle === handle)) this.joined.delete(handle);
    }
    return failures;
  }

  /** Sends to the group on each of the interfaces; resolves with those on which that failed. */
  multicast(packet: Buffer, interfaces: readonly MulticastInterface[]): Promise<InterfaceFailures> {
    if (this.waiting >= MAX_WAITING) return Promise.reject(new Error('the packets before it are not sent yet'));
    this.waiting++;
    // One after the other: the interface is a property of the socket.
    const sent = this.sending.then(async () => {
      const failures: InterfaceFailures = new Map();
      for (const { name, handle } of interfaces) {
        try {
          this.own.setMulticastInterface(handle);
          await this.send(packet, { address: this.options.group, port: this.options.port });
        } catch (error) {
          failures.set(name, error);
        }
      }
      return failures;
    });
    this.sending = sent.finally(() => this.waiting--);
    return sent;
  }

  /** Answers whoever sent a packet. What is lost is asked for again. */
  async reply(packet: Buffer, to: PacketSource): Promise<void> {
    await this.send(packet, to);
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    for (const socket of [this.group, this.own]) socket.close();
  }

  private send(packet: Buffer, { address, port }: PacketSource): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.isClosed) return reject(new Error('the sockets are closed'));
      this.own.send(packet, port, address, (error) => (error === null ? resolve() : reject(error)));
    });
  }
}

async function bind(socket: Socket, port: number): Promise<void> {
  const listening = once(socket, 'listening'); // It rejects at the event "error".
  socket.bind({ port, exclusive: true });
  await listening;
}
