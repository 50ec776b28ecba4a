/** One end of a simulated connection, and the wire that carries what it writes: ordered, reliable, and as late as the network likes. */
import type { PeerAddress } from 'rookery/discovery';
import type { Connection, ConnectionListener } from '@rookery/mesh';
import type { SimulatedNetwork } from './simulated-network.js';
import { PHASE_POLL, type VirtualProcess } from './virtual-time.js';

/** Larger pieces than this are handed over whole: cutting them would only cost time. */
const MAX_CHUNKED_BYTES = 400;

/** Something on the wire: bytes, or one of the marks that a connection begins and ends with. */
type Segment = Buffer | 'open' | 'end' | 'reset';

/** What the writer's process has handed over and the kernel did not take yet. */
interface Write {
  readonly bytes: Buffer;
  taken: number;
  readonly onWritten: (() => void) | undefined;
}

/** One direction. */
export class Wire {
  private readonly segments: Segment[] = [];
  private writes: Write[] = [];
  private isEnding = false;
  /** Bytes that the kernels of both ends hold. */
  private inFlight = 0;
  /** Of those, how many were read while the acknowledgement could not come back. */
  private unacknowledged = 0;
  private arrivesAt = 0;
  private isHeld = false;
  /** Segments whose arrival is planned, and those that wait in the kernel for the process to read. */
  private scheduled = 0;
  private arrived = 0;
  /** What the writer's process still holds. */
  bufferedBytes = 0;
  /** How many writes wait to be taken, by what their writer wants called then. */
  private readonly pendingWrites = new Map<() => void, number>();

  constructor(
    private readonly network: SimulatedNetwork,
    private readonly writer: SimulatedConnection,
    private readonly reader: SimulatedConnection,
  ) {}

  get from(): string {
    return this.writer.host;
  }

  get to(): string {
    return this.reader.host;
  }

  write(bytes: Buffer, onWritten: (() => void) | undefined): void {
    this.writes.push({ bytes, taken: 0, onWritten });
    this.bufferedBytes += bytes.length;
    if (onWritten !== undefined) {
      const pending = (this.pendingWrites.get(onWritten) ?? 0) + 1;
      this.pendingWrites.set(onWritten, pending);
      this.network.mostPendingWrites = Math.max(this.network.mostPendingWrites, pending);
    }
    this.take();
  }

  /** The writer will write no more. */
  end(): void {
    this.isEnding = true;
    this.take();
  }

  /** A mark that takes no room. */
  mark(segment: 'open' | 'end' | 'reset'): void {
    if (segment === 'reset') this.drop();
    this.send(segment);
  }

  /** Whatever is under way is lost. */
  drop(): void {
    this.segments.length = 0;
    this.arrived = 0;
    this.writes = [];
    this.bufferedBytes = 0;
    this.inFlight = 0;
    this.unacknowledged = 0;
  }

  /** What the process still holds is lost, what the kernel has is not. */
  dropWrites(): void {
    this.writes = [];
    this.bufferedBytes = 0;
  }

  /** Whether the way is open for what is held: segments this way, acknowledgements back. */
  get mayGoOn(): boolean {
    if (this.isHeld && !this.isOpen) return false;
    return this.unacknowledged === 0 || !this.network.isBlocked(this.to, this.from);
  }

  /** The blackhole is gone. */
  resume(): void {
    this.isHeld = false;
    this.inFlight = Math.max(0, this.inFlight - this.unacknowledged);
    this.unacknowledged = 0;
    this.take();
    for (let i = this.segments.length - this.scheduled - this.arrived; i > 0; i--) this.schedule();
  }

  private get isOpen(): boolean {
    return !this.network.isBlocked(this.from, this.to) && !this.network.isOff(this.to);
  }

  private take(): void {
    const { bufferBytes, drainMs } = this.network.traits;
    while (this.writes.length > 0 && this.inFlight < bufferBytes) {
      const write = this.writes[0]!;
      // Not byte by byte, whenever a few were read (RFC 813, the silly window syndrome).
      if (bufferBytes - this.inFlight < Math.min(write.bytes.length - write.taken, bufferBytes / 2)) break;
      const count = Math.min(write.bytes.length - write.taken, bufferBytes - this.inFlight);
      this.inFlight += count;
      this.bufferedBytes -= count;
      // A copy, as a kernel makes: whoever wrote it may write over it from then on.
      this.send(Buffer.from(write.bytes.subarray(write.taken, write.taken + count)));
      write.taken += count;
      if (write.taken < write.bytes.length) break;
      this.writes.shift();
      const { onWritten } = write;
      if (onWritten === undefined) continue;
      const { time, random } = this.network;
      time.plan(random.next() * drainMs, PHASE_POLL, this.writer.process, () => {
        const pending = this.pendingWrites.get(onWritten)! - 1;
        if (pending > 0) this.pendingWrites.set(onWritten, pending);
        else this.pendingWrites.delete(onWritten);
        if (!this.writer.isClosed) onWritten();
      });
    }
    if (this.isEnding && this.writes.length === 0) {
      this.isEnding = false;
      this.send('end');
    }
  }

  private send(segment: Segment): void {
    this.segments.push(segment);
    this.schedule();
  }

  /** One arrival for each segment, in order. */
  private schedule(): void {
    const { time } = this.network;
    this.arrivesAt = Math.max(this.arrivesAt, time.now + this.network.latencyMs());
    this.scheduled++;
    time.plan(this.arrivesAt - time.now, PHASE_POLL, undefined, () => {
      this.scheduled--;
      if (this.isHeld || this.segments.length <= this.arrived) return;
      if (!this.isOpen) {
        this.isHeld = true;
        this.network.hold(this);
        return;
      }
      if (this.reader.process.isDead) {
        this.segments.shift();
        return this.reader.answerStranger();
      }
      // It waits in the kernel until the process reads.
      this.arrived++;
      time.enter(this.reader.process, () => this.arrive());
    });
  }

  private arrive(): void {
    if (this.arrived === 0) return;
    this.arrived--;
    const segment = this.segments.shift()!;
    if (typeof segment === 'string') {
      this.reader.onMark(segment);
      return;
    }
    if (this.network.isBlocked(this.to, this.from)) {
      this.unacknowledged += segment.length;
      this.network.hold(this);
    } else {
      this.inFlight = Math.max(0, this.inFlight - segment.length - this.unacknowledged);
      this.unacknowledged = 0;
    }
    this.hand(segment);
    this.take();
  }

  private hand(segment: Buffer): void {
    const { random, traits } = this.network;
    if (segment.length > MAX_CHUNKED_BYTES || !random.chance(traits.chunking)) {
      this.reader.onBytes(segment);
      return;
    }
    const most = random.chance(0.3) ? 1 : 40;
    for (let offset = 0; offset < segment.length;) {
      const length = random.int(1, most);
      this.reader.onBytes(segment.subarray(offset, offset + length));
      offset += length;
    }
  }
}

export class SimulatedConnection implements Connection {
  bytesSent = 0;
  bytesReceived = 0;
  isClosed = false;
  peer!: SimulatedConnection;
  /** What comes for it after it broke is answered by nobody. */
  isForgotten = false;
  /** What the other end does once our mark `open` is there. */
  opensPeer: () => void = () => undefined;
  private wire!: Wire;
  private listener: ConnectionListener | undefined;
  private isGone = false;
  private isEnded = false;
  private readonly closeCallbacks: (() => void)[] = [];
  private early: Buffer[] = [];
  private reason = 'the connection was closed';

  constructor(
    private readonly network: SimulatedNetwork,
    readonly process: VirtualProcess,
    readonly host: string,
    readonly isDialled: boolean,
    readonly remote: PeerAddress,
    readonly keyId: string,
  ) {}

  /** Makes two ends one connection. */
  join(peer: SimulatedConnection): void {
    this.peer = peer;
    peer.peer = this;
    this.wire = new Wire(this.network, this, peer);
    peer.wire = new Wire(this.network, peer, this);
  }

  get bufferedBytes(): number {
    return this.wire.bufferedBytes;
  }

  listen(listener: ConnectionListener): void {
    this.listener = listener;
    const { early } = this;
    this.early = [];
    for (const bytes of early) this.onBytes(bytes);
  }

  write(bytes: Buffer, onWritten?: () => void): void {
    if (this.isClosed || this.isEnded) return;
    this.bytesSent += bytes.length;
    this.wire.write(bytes, onWritten);
  }

  end(): void {
    if (this.isClosed || this.isEnded) return;
    this.isEnded = true;
    this.wire.end();
  }

  destroy(reason: string): void {
    if (this.isClosed) return;
    this.wire.dropWrites();
    // A kernel that holds bytes nobody read resets the connection; what it has sent itself may be lost with that.
    this.wire.mark(this.network.random.chance(0.3) ? 'reset' : 'end');
    this.close(reason);
  }

  onClosed(fn: () => void): void {
    if (this.isGone) fn();
    else this.closeCallbacks.push(fn);
  }

  // ---- from the network -------------------------------------------------------------------------------------------

  sendOpening(): void {
    this.wire.mark('open');
  }

  /** The connection is broken for this end. */
  breakOff(reason: string): void {
    if (this.isClosed) return;
    this.wire.drop();
    this.close(reason);
  }

  /** The process is dead; its kernel says so, if the network lets it. */
  abandon(): void {
    if (this.isClosed) return;
    this.wire.dropWrites();
    this.wire.mark(this.network.random.chance(0.5) ? 'reset' : 'end');
    this.isClosed = true;
    this.forget();
  }

  /** The machine is off: nothing more comes from here. */
  vanish(): void {
    this.wire.drop();
    this.isClosed = true;
    this.forget();
  }

  onMark(mark: 'open' | 'end' | 'reset'): void {
    if (mark === 'open') {
      if (!this.isClosed) this.peer.opensPeer();
      else this.answerStranger();
      return;
    }
    if (this.isClosed) return;
    if (mark === 'reset') {
      this.breakOff('the connection was reset');
      return;
    }
    // No half-open connections: whoever hears that the other end is done closes its own.
    this.wire.dropWrites();
    this.wire.mark('end');
    this.close('the connection was closed by the peer');
  }

  onBytes(bytes: Buffer): void {
    if (this.isClosed) return this.answerStranger();
    this.bytesReceived += bytes.length;
    if (this.listener === undefined) this.early.push(bytes);
    else this.listener.onData(bytes);
  }

  /** Bytes for a connection that is not there any more: the kernel says so, unless they do not get there. */
  answerStranger(): void {
    if (!this.isForgotten && !this.peer.isClosed && !this.network.isOff(this.host)) this.wire.mark('reset');
  }

  private close(reason: string): void {
    this.isClosed = true;
    this.reason = reason;
    this.forget();
    this.process.enter(() => {
      this.isGone = true;
      const { listener, closeCallbacks } = this;
      this.listener = undefined;
      listener?.onClose(this.reason);
      for (const fn of closeCallbacks.splice(0)) fn();
    });
  }

  private forget(): void {
    this.network.host(this.host).connections.delete(this);
  }
}
