/**
 * Hosts, wires between them, and what goes wrong there: delay, short writes, chunks of any size, blackholes of one or both
 * directions, resets, and ends that never hear that the other one is gone. All of it from one seed.
 */
import type { PeerAddress } from 'rookery/discovery';
import type { Connection, DialFailure, KeyRing, Listener, Transport } from '@rookery/mesh';
import type { Timer } from '@rookery/runtime';
import type { SeededRandom } from './seeded-random.js';
import { SimulatedConnection, type Wire } from './simulated-connection.js';
import { PHASE_POLL, type VirtualProcess, type VirtualTime } from './virtual-time.js';

/** How this network behaves while nothing is broken. */
export interface NetworkTraits {
  /** One way, without jitter. */
  readonly latencyMs: number;
  /** Added to it, at random, for each segment. */
  readonly jitterMs: number;
  /** What one direction of a connection holds between the writer's memory and the reader's. */
  readonly bufferBytes: number;
  /** How long a write waits at most before the kernel reports it taken. */
  readonly drainMs: number;
  /** The share of small segments that arrive in pieces, down to single bytes. */
  readonly chunking: number;
  /** A sender tries again that late, at most, after a blackhole is gone. */
  readonly retransmitMs: number;
}

const CONNECT_TIMEOUT_MS = 2_000;
const HANDSHAKE_TIMEOUT_MS = 3_000;
/** A lost SYN is sent again after this time, by default of all common kernels. */
const SYN_RETRY_MS = 1_000;
const FIRST_EPHEMERAL_PORT = 32_768;

/** A machine: it outlives the processes on it. */
class Host {
  isOff = false;
  nextPort = FIRST_EPHEMERAL_PORT;
  readonly listeners = new Map<number, SimulatedListener>();
  readonly connections = new Set<SimulatedConnection>();
}

interface SimulatedListener {
  readonly process: VirtualProcess;
  readonly keyId: string;
  readonly onConnection: (connection: Connection) => void;
}

export class SimulatedNetwork {
  private readonly hosts = new Map<string, Host>();
  private readonly blocked = new Set<string>();
  private readonly held = new Set<Wire>();
  /** The most writes of one kind that waited to be taken at once on one connection: those whose writer gave the same callback. */
  mostPendingWrites = 0;

  constructor(
    readonly time: VirtualTime,
    readonly random: SeededRandom,
    readonly traits: NetworkTraits,
  ) {}

  // ---- faults -----------------------------------------------------------------------------------------------------

  /** Nothing gets from `from` to `to` any more, and nobody is told. */
  block(from: string, to: string): void {
    this.blocked.add(`${from}>${to}`);
  }

  unblock(from: string, to: string): void {
    if (this.blocked.delete(`${from}>${to}`)) this.release();
  }

  heal(): void {
    for (const key of [...this.blocked]) this.unblock(...(key.split('>') as [string, string]));
  }

  isBlocked(from: string, to: string): boolean {
    return this.blocked.size > 0 && this.blocked.has(`${from}>${to}`);
  }

  /**
   * Breaks every connection between two hosts. `told` one: only the end at `a` learns of it, the other is half-open until it
   * says something; `forgotten`: nor is what it says ever answered, as by a firewall that has forgotten the connection.
   */
  cut(a: string, b: string, told: 'both' | 'one' | 'forgotten' = 'both'): void {
    for (const end of [...this.host(a).connections]) {
      if (end.remote.host !== b) continue;
      end.breakOff('the connection was reset');
      if (told === 'both') end.peer.breakOff('the connection was reset');
      if (told === 'forgotten') end.isForgotten = true;
    }
  }

  /** The process ends: its kernel closes what it had open. */
  kill(host: string, process: VirtualProcess): void {
    process.die();
    const { listeners, connections } = this.host(host);
    for (const [port, listener] of listeners) if (listener.process === process) listeners.delete(port);
    for (const end of [...connections]) if (end.process === process) end.abandon();
  }

  /** The machine is without power: nobody hears anything of it, not even that. */
  powerOff(host: string): void {
    const machine = this.host(host);
    machine.isOff = true;
    machine.listeners.clear();
    for (const end of [...machine.connections]) end.vanish();
  }

  powerOn(host: string): void {
    this.host(host).isOff = false;
    this.release();
  }

  /** Kernels send again what was lost; how soon depends on how long it was. */
  private release(): void {
    for (const wire of [...this.held]) {
      if (!wire.mayGoOn) continue;
      this.held.delete(wire);
      this.time.plan(this.random.between(0, this.traits.retransmitMs), PHASE_POLL, undefined, () => wire.resume());
    }
  }

  // ---- for transports ---------------------------------------------------------------------------------------------

  isOff(host: string): boolean {
    return this.host(host).isOff;
  }

  hold(wire: Wire): void {
    this.held.add(wire);
  }

  latencyMs(): number {
    return this.traits.latencyMs + this.random.next() * this.traits.jitterMs;
  }

  /** The transport of one process on `host`. */
  transport(host: string, process: VirtualProcess, keys: KeyRing): Transport {
    return {
      listen: (address, onConnection) => this.listen(host, address, { process, keyId: keys.use.id, onConnection }),
      dial: (address, onConnection, onFailure, connectTimeoutMs = CONNECT_TIMEOUT_MS) =>
        this.dial(host, process, keys, address, onConnection, onFailure, connectTimeoutMs),
    };
  }

  host(name: string): Host {
    let host = this.hosts.get(name);
    if (host === undefined) this.hosts.set(name, (host = new Host()));
    return host;
  }

  private listen(hostName: string, address: PeerAddress, listener: SimulatedListener): Promise<Listener> {
    const host = this.host(hostName);
    const port = address.port === 0 ? host.nextPort++ : address.port;
    if (host.listeners.has(port)) return Promise.reject(new Error(`${hostName}:${port} is taken`));
    host.listeners.set(port, listener);
    const close = (): void => {
      if (host.listeners.get(port) === listener) host.listeners.delete(port);
    };
    return Promise.resolve({ address: { host: hostName, port }, close });
  }

  private dial(
    from: string,
    process: VirtualProcess,
    keys: KeyRing,
    address: PeerAddress,
    onConnection: (connection: Connection) => void,
    onFailure: (failure: DialFailure) => void,
    connectTimeoutMs: number,
  ): { cancel(): void } {
    const to = address.host;
    let isSettled = false;
    let dialled: SimulatedConnection | undefined;
    const settle = (): boolean => {
      if (isSettled) return false;
      isSettled = true;
      timer.cancel();
      return true;
    };
    const fail = (failure: DialFailure): void => {
      if (!settle()) return;
      dialled?.destroy('dial failed');
      onFailure(failure);
    };
    const limit = (timeoutMs: number): Timer =>
      process.after(timeoutMs, () => {
        process.afterPoll(() => fail({ kind: 'timeout', message: `no answer within ${timeoutMs} ms` }));
      });
    let timer = limit(connectTimeoutMs);
    /** Carries a packet of the handshake; lost where the way is blocked, for a kernel sends those again, but not for ever. */
    const carry = (a: string, b: string, owner: VirtualProcess | undefined, fn: () => void): void => {
      if (this.isBlocked(a, b) || this.isOff(b)) return;
      this.time.plan(this.latencyMs(), PHASE_POLL, undefined, () => {
        if (this.isBlocked(a, b) || this.isOff(b)) return;
        if (owner === undefined) fn();
        else owner.enter(fn);
      });
    };
    let isAnswered = false;
    const knock = (): void => {
      if (isSettled || isAnswered || process.isDead) return;
      carry(from, to, undefined, () => {
        // The kernel answers, whatever the process does.
        if (isAnswered) return;
        const listener = this.host(to).listeners.get(address.port);
        if (listener === undefined) {
          carry(to, from, process, () => fail({ kind: 'refused', message: 'ECONNREFUSED' }));
          return;
        }
        isAnswered = true;
        carry(to, from, process, () => {
          timer.cancel();
          if (!isSettled) timer = limit(HANDSHAKE_TIMEOUT_MS);
        });
        // The handshake needs the process itself.
        listener.process.enter(() => {
          if (process.isDead || this.host(to).listeners.get(address.port) !== listener) {
            carry(to, from, process, () => fail({ kind: 'reset', message: 'ECONNRESET' }));
            return;
          }
          const local = { host: from, port: this.host(from).nextPort++ };
          const client = new SimulatedConnection(this, process, from, true, address, keys.use.id);
          const server = new SimulatedConnection(this, listener.process, to, false, local, listener.keyId);
          client.join(server);
          dialled = client;
          this.host(from).connections.add(client);
          this.host(to).connections.add(server);
          const tooLate = listener.process.after(HANDSHAKE_TIMEOUT_MS, () => server.destroy('no handshake in time'));
          // The dialler is done first; its last word opens the connection at the other end, ahead of anything it sends.
          client.opensPeer = () => {
            tooLate.cancel();
            listener.onConnection(server);
          };
          server.opensPeer = () => {
            if (isSettled) return client.destroy('cancelled');
            client.sendOpening();
            if (settle()) onConnection(client);
          };
          client.onClosed(() => fail({ kind: 'reset', message: 'closed during the handshake' }));
          server.onClosed(() => tooLate.cancel());
          server.sendOpening();
        });
      });
      this.time.plan(SYN_RETRY_MS, PHASE_POLL, undefined, knock);
    };
    knock();
    return {
      cancel: () => {
        if (settle()) dialled?.destroy('cancelled');
      },
    };
  }
}
