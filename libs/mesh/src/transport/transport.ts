/** The seam below the mesh: authenticated byte pipes. One implementation speaks TLS; tests may bring another. */
import type { PeerAddress } from 'rookery/discovery';

/** What a connection reports. Set once, right after it was handed over, before anything can have arrived. */
export interface ConnectionListener {
  /** The next bytes of the stream. The buffer belongs to the listener until it returns. */
  onData(chunk: Buffer): void;
  /** The connection is gone, whoever ended it. Called exactly once; nothing follows. */
  onClose(reason: string): void;
}

/** A raw, ordered, encrypted byte pipe whose far end proved that it holds the key. */
export interface Connection {
  /** Whether this end opened it. */
  readonly isDialled: boolean;
  /** The far end as this end's socket sees it. */
  readonly remote: PeerAddress;
  /** Which key of the ring it was authenticated with. */
  readonly keyId: string;
  /** Bytes handed to `write` that did not reach the kernel yet. */
  readonly bufferedBytes: number;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  listen(listener: ConnectionListener): void;
  /**
   * Sends bytes. The buffer is held by reference until it was sent, so it must not change before `onWritten`, which is
   * called when the kernel has them; never, if the connection closes first.
   */
  write(bytes: Buffer, onWritten?: () => void): void;
  /** Sends what is buffered, then closes this direction. */
  end(): void;
  /** Closes at once. `onClose` still follows. */
  destroy(reason: string): void;
  /** Calls `fn` once the connection is gone; at once if it is already. */
  onClosed(fn: () => void): void;
}

/**
 * Why a dial came to nothing. `refused`: nobody listens there. `reset`: somebody listened and hung up, as a process does
 * that is ending. `timeout`: the host does not answer. `silent`: it took the connection, and then nothing was said.
 * `unreachable`: no route. `unresolved`: the name has no address now. `unauthenticated`: the far end holds another key.
 * `foreign`: something else listens there.
 */
export type DialFailureKind =
  'refused' | 'reset' | 'timeout' | 'silent' | 'unreachable' | 'unresolved' | 'unauthenticated' | 'foreign';

export interface DialFailure {
  readonly kind: DialFailureKind;
  readonly message: string;
}

export interface Listener {
  /** Where it listens; the port is the real one when 0 was asked for. */
  readonly address: PeerAddress;
  /** Stops accepting. Connections handed over before stay. */
  close(): void;
}

export interface Transport {
  /** Rejects with `CLUSTER_LISTEN_FAILED` when the address cannot be had. */
  listen(address: PeerAddress, onConnection: (connection: Connection) => void): Promise<Listener>;
  /**
   * Opens a connection; exactly one of the two outcomes is reported. Cancelling reports nothing.
   *
   * @param connectTimeoutMs until the far host answers at all. @default 2000
   * @param isUrgent whether it goes before others, where not all can be dialled at once. @default false
   */
  dial(
    address: PeerAddress,
    onConnection: (connection: Connection) => void,
    onFailure: (failure: DialFailure) => void,
    connectTimeoutMs?: number,
    isUrgent?: boolean,
  ): { cancel(): void };
}
