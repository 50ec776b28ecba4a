/**
 * Connections over TLS 1.3 with a pre-shared key (RFC 8446, RFC 9257): one shared secret gives mutual authentication,
 * encryption and forward secrecy. The options are pinned: each of them closes a door that was found open otherwise.
 */
import { constants } from 'node:crypto';
import { type AddressInfo, connect as connectTcp, createServer, type Socket } from 'node:net';
import {
  connect,
  createSecureContext,
  createServer as createTlsServer,
  type SecureContextOptions,
  type TLSSocket,
} from 'node:tls';
import { addressKey, type PeerAddress } from 'rookery/discovery';
import { type Clock, type Logger, printable, type Timer } from '@rookery/runtime';
import { ClusterError } from '../errors.js';
import { HandshakeSlots } from './handshake-slots.js';
import type { KeyRing } from './key-ring.js';
import type { Connection, ConnectionListener, DialFailure, DialFailureKind, Listener, Transport } from './transport.js';

const ALPN_PROTOCOL = 'rookery/1';

/** The one suite that works with `pskCallback` on every supported Node: the callback binds keys to SHA-256. */
const CIPHER = 'TLS_AES_128_GCM_SHA256';

const PINNED: SecureContextOptions = {
  minVersion: 'TLSv1.3',
  maxVersion: 'TLSv1.3',
  ciphers: CIPHER,
  // A session ticket would outlive the removal of its key.
  secureOptions: constants.SSL_OP_NO_TICKET,
  // No certificate is ever trusted; and the megabyte of root certificates that Node brings stays out of memory.
  ca: [],
};

/** Strangers may hold this many sockets open at once, for this long. */
const MAX_UNAUTHENTICATED_SOCKETS = 64;
const HANDSHAKE_TIMEOUT_MS = 3_000;
/** By then a handshake waits for the far end, not for a processor of ours: others need not wait for it as well. */
const SLOW_HANDSHAKE_MS = 300;
/** Until the far end's kernel answers. Only then is it a matter of how busy that process is. */
const CONNECT_TIMEOUT_MS = 2_000;
/** The kernel's own probe is only a backstop: heartbeats notice first. */
const KEEP_ALIVE_MS = 10_000;
/** One line about failed handshakes in this time, however many there are. */
const FAILURE_LOG_INTERVAL_MS = 10_000;

export class TlsTransport implements Transport {
  /** By the far end's address and port, which both layers of a socket can tell. */
  private readonly unauthenticated = new Map<string, Socket>();
  /** One for all links: each would otherwise bring its own, at tens of kilobytes. */
  private readonly secureContext = createSecureContext(PINNED);
  private readonly handshakes = new HandshakeSlots();
  private failures = 0;
  private loggedFailureAt = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly keys: KeyRing,
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {}

  listen(address: PeerAddress, onConnection: (connection: Connection) => void): Promise<Listener> {
    // Handshakes only: sockets reach it through `emit`, after they were admitted.
    const handshakes = createTlsServer({
      ...PINNED,
      ALPNProtocols: [ALPN_PROTOCOL],
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
      pskCallback: (_socket, identity) => this.keys.accept.get(identity)?.psk ?? null,
    });
    handshakes.on('secureConnection', (socket) => {
      this.unauthenticated.delete(farEnd(socket));
      if (!isAsPinned(socket)) socket.destroy();
      else onConnection(new TlsConnection(socket, false, this.keys.use.id));
    });
    handshakes.on('tlsClientError', (error, socket) => {
      this.noteFailure(socket.remoteAddress ?? 'an unknown address', error);
      socket.destroy();
    });

    const server = createServer({ noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS }, (socket) => {
      socket.on('error', () => socket.destroy());
      if (this.unauthenticated.size >= MAX_UNAUTHENTICATED_SOCKETS) {
        this.noteFailure(
          socket.remoteAddress ?? 'an unknown address',
          new Error('too many unauthenticated connections'),
        );
        socket.destroy();
        return;
      }
      const key = farEnd(socket);
      this.unauthenticated.set(key, socket);
      socket.once('close', () => this.unauthenticated.delete(key));
      handshakes.emit('connection', socket);
    });
    return new Promise((resolve, reject) => {
      server.once('error', (error) => reject(listenError(address, error)));
      // Exclusive: workers of `node:cluster`, and of PM2 in that mode, would share one port otherwise, and a dial would lead
      // to any of them.
      server.listen({ port: address.port, host: address.host, exclusive: true }, () => {
        server.removeAllListeners('error');
        server.on('error', (error) => this.logger.error(`The mesh port reports an error: ${error.message}`));
        const { address: host, port } = server.address() as AddressInfo;
        resolve({
          address: { host, port },
          close: () => {
            server.close();
            for (const socket of this.unauthenticated.values()) socket.destroy();
          },
        });
      });
    });
  }

  dial(
    address: PeerAddress,
    onConnection: (connection: Connection) => void,
    onFailure: (failure: DialFailure) => void,
    connectTimeoutMs = CONNECT_TIMEOUT_MS,
    isUrgent = false,
  ): { cancel(): void } {
    const { use } = this.keys;
    const tcp = connectTcp({
      host: address.host,
      port: address.port,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_MS,
    });
    let socket: Socket = tcp;
    let isSettled = false;
    let leaveSlot: ReturnType<HandshakeSlots['enter']> | undefined;
    let slow: Timer | undefined;
    const settle = (outcome: 'done' | 'late' | 'failed'): boolean => {
      if (isSettled) return false;
      isSettled = true;
      timer.cancel();
      slow?.cancel();
      for (const each of new Set([tcp, socket])) {
        each.removeAllListeners('error');
        each.on('error', () => each.destroy());
      }
      leaveSlot?.(outcome);
      return true;
    };
    const fail = (failure: DialFailure): void => {
      if (!settle(failure.kind === 'silent' ? 'late' : 'failed')) return;
      socket.destroy();
      onFailure(failure);
    };
    const limit = (timeoutMs: number, kind: 'timeout' | 'silent', what: string): Timer => {
      let pending = this.clock.after(timeoutMs, () => {
        // A stall of our own must not look like a silent peer.
        pending = this.clock.afterPoll(() => fail({ kind, message: `${what} within ${timeoutMs} ms` }));
      });
      return { cancel: () => pending.cancel() };
    };
    const shakeHands = (): void => {
      const secure = connect({
        socket: tcp,
        secureContext: this.secureContext,
        ALPNProtocols: [ALPN_PROTOCOL],
        pskCallback: () => ({ psk: use.psk, identity: use.id }),
        // There is no certificate whose name could be checked: the key is the identity.
        checkServerIdentity: () => undefined,
      });
      socket = secure;
      watch(secure);
      secure.once('secureConnect', () => {
        if (!isAsPinned(secure)) return fail({ kind: 'foreign', message: 'negotiated something else than was pinned' });
        if (settle('done')) onConnection(new TlsConnection(secure, true, use.id));
      });
    };
    const watch = (each: Socket): void => {
      each.on('error', (error: Error) => fail(classifyDialError(error)));
      each.on('close', () => fail({ kind: 'reset', message: 'closed during the handshake' }));
    };
    let timer = limit(connectTimeoutMs, 'timeout', 'no answer');
    watch(tcp);
    tcp.once('connect', () => {
      timer.cancel();
      if (isSettled) return;
      timer = limit(HANDSHAKE_TIMEOUT_MS, 'silent', 'the connection was taken, and nothing answered');
      leaveSlot = this.handshakes.enter(() => {
        shakeHands();
        slow = this.clock.after(SLOW_HANDSHAKE_MS, () => leaveSlot?.('slow'));
      }, isUrgent);
    });
    return {
      cancel: () => {
        if (settle('failed')) socket.destroy();
      },
    };
  }

  private noteFailure(from: string, error: Error & { readonly reason?: string }): void {
    // Whoever merely hung up, such as a probe, or a peer that ended, was refused nothing.
    if ((error as NodeJS.ErrnoException).code === 'ECONNRESET') {
      this.logger.debug(`A connection from ${from} ended before it authenticated.`);
      return;
    }
    this.failures++;
    const now = this.clock.now();
    if (now - this.loggedFailureAt < FAILURE_LOG_INTERVAL_MS) return;
    this.logger.warn(
      // What to look for first: the words of OpenSSL come from the search for a certificate, which is none of ours.
      `Refused a connection from ${from} that did not authenticate: a node with another cookie, a scanner, a probe on the ` +
        `wrong port, or a peer that ended or gave up while it connected (${printable(error.reason ?? error.message)}).`,
      { refused: this.failures },
    );
    this.loggedFailureAt = now;
    this.failures = 0;
  }
}

function farEnd(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort}`;
}

/** On 1.3 an external key reports as a reused session; anything else means that no key was used. */
function isAsPinned(socket: TLSSocket): boolean {
  return (
    socket.getProtocol() === 'TLSv1.3' &&
    socket.getCipher().name === CIPHER &&
    socket.isSessionReused() &&
    socket.alpnProtocol === ALPN_PROTOCOL
  );
}

function listenError(address: PeerAddress, error: NodeJS.ErrnoException): ClusterError {
  const where = addressKey(address);
  const mend =
    error.code === 'EADDRINUSE'
      ? 'Another process listens there: choose another listen.port (0 takes a free one), or stop that process. Each worker ' +
        'of node:cluster or PM2 needs a port of its own.'
      : error.code === 'EADDRNOTAVAIL'
        ? 'No interface of this host has that address: set listen.host to one of its own, or to 0.0.0.0.'
        : error.code === 'EACCES'
          ? 'This user may not listen on that port: choose one above 1023.'
          : 'Check listen.host and listen.port.';
  return new ClusterError(
    'CLUSTER_LISTEN_FAILED',
    `Cannot listen on ${where} (${error.code ?? error.message}). ${mend}`,
    {
      cause: error,
    },
  );
}

const FAILURE_KINDS: Readonly<Record<string, DialFailureKind>> = {
  ECONNREFUSED: 'refused',
  ECONNRESET: 'reset',
  EPIPE: 'reset',
  ETIMEDOUT: 'timeout',
  EHOSTUNREACH: 'unreachable',
  ENETUNREACH: 'unreachable',
  EADDRNOTAVAIL: 'unreachable',
  EHOSTDOWN: 'unreachable',
  ENOTFOUND: 'unresolved',
  // For now: the name may well exist.
  EAI_AGAIN: 'unreachable',
};

function classifyDialError(error: NodeJS.ErrnoException): DialFailure {
  // Several addresses of one name fail together in one error: the first tells.
  const first = (error as { errors?: NodeJS.ErrnoException[] }).errors?.[0] ?? error;
  const code = first.code ?? '';
  const known = FAILURE_KINDS[code];
  if (known !== undefined) return { kind: known, message: code };
  // An error of this host's own, such as no file descriptors left: it says nothing about who is there. EPROTO is TLS's.
  if (first.errno !== undefined && code !== 'EPROTO') return { kind: 'unreachable', message: code };
  // A server of HTTPS, say: it knows TLS, and nothing of us. One of ours knows both, whatever its cookie.
  if (/ALERT_(NO_APPLICATION_PROTOCOL|PROTOCOL_VERSION)/.test(code)) {
    return { kind: 'foreign', message: 'it speaks TLS, but another protocol within' };
  }
  if (/ALERT/.test(code)) return { kind: 'unauthenticated', message: 'it holds another cookie' };
  return { kind: 'foreign', message: printable(code === '' ? first.message : code) };
}

class TlsConnection implements Connection {
  readonly remote: PeerAddress;
  private listener: ConnectionListener | undefined;
  private reason: string | undefined;

  constructor(
    private readonly socket: TLSSocket,
    readonly isDialled: boolean,
    readonly keyId: string,
  ) {
    this.remote = { host: socket.remoteAddress ?? '', port: socket.remotePort ?? 0 };
    socket.pause();
  }

  get bufferedBytes(): number {
    return this.socket.writableLength;
  }

  get bytesSent(): number {
    return this.socket.bytesWritten;
  }

  get bytesReceived(): number {
    return this.socket.bytesRead;
  }

  listen(listener: ConnectionListener): void {
    const { socket } = this;
    this.listener = listener;
    socket.on('data', (chunk: Buffer) => {
      // What is answered to one chunk travels together: the frames that follow a handshake are many and short.
      socket.cork();
      this.listener?.onData(chunk);
      socket.uncork();
    });
    socket.on('error', (error: NodeJS.ErrnoException) => (this.reason ??= describeSocketError(error)));
    socket.on('end', () => {
      this.reason ??= 'the connection was closed by the peer';
      // Half-open connections have no use here: the peer said all it had.
      socket.destroy();
    });
    socket.on('close', () => {
      const last = this.listener;
      this.listener = undefined;
      last?.onClose(this.reason ?? 'the connection was closed');
    });
    socket.resume();
  }

  write(bytes: Buffer, onWritten?: () => void): void {
    if (this.socket.destroyed || this.socket.writableEnded) return;
    if (onWritten === undefined) this.socket.write(bytes);
    else {
      this.socket.write(bytes, (error) => {
        if (!error) onWritten();
      });
    }
  }

  end(): void {
    this.socket.end();
  }

  destroy(reason: string): void {
    this.reason ??= reason;
    this.socket.destroy();
  }

  onClosed(fn: () => void): void {
    if (this.socket.closed) fn();
    else this.socket.once('close', fn);
  }
}

function describeSocketError(error: NodeJS.ErrnoException): string {
  if (error.code === 'ECONNRESET') return 'the connection was reset';
  if (error.code === 'EPIPE') return 'the connection was closed by the peer';
  return printable(error.code ?? error.message);
}
