/**
 * Looks who is at an address, and leaves no trace there: authenticates, says HELLO without naming anybody, and hangs up at the
 * answer. The far end never learns of a member by that, for a handshake ends with a HELLO that is meant for it.
 */
import type { PeerAddress } from 'rookery/discovery';
import { type Clock, describeError } from '@rookery/runtime';
import { FRAME_HELLO, FRAME_REJECT } from '../protocol/frame.js';
import { FrameReader } from '../protocol/frame-reader.js';
import { type Hello, helloFrame, PROTOCOL_MAX, PROTOCOL_MIN, readHello, readReject } from '../protocol/list-frames.js';
import type { Transport } from '../transport/transport.js';
import type { DialOutcome } from './dialer.js';

/** A node that was authenticated says who it is within this time. */
const HELLO_TIMEOUT_MS = 3_000;

/** What was found at an address. */
export interface ProbeResult {
  /** `linked` for a node that a link could be made with; else why not. */
  readonly outcome: DialOutcome;
  /** What was said, partly in the words of the far end. */
  readonly detail: string | undefined;
  /** The name of who is there; undefined where nobody said it. */
  readonly name: string | undefined;
}

/** Who asks: enough for a HELLO. */
export interface Prober {
  readonly cluster: string;
  readonly name: string;
  readonly incarnation: string;
  readonly nonce: string;
}

/** Always resolves. */
export function probe(transport: Transport, address: PeerAddress, prober: Prober, clock: Clock): Promise<ProbeResult> {
  return new Promise((resolve) => {
    transport.dial(
      address,
      (connection) => {
        const done = (outcome: DialOutcome, detail?: string, name?: string): void => {
          timer.cancel();
          connection.destroy('a probe');
          resolve({ outcome, detail, name });
        };
        const timer = clock.after(HELLO_TIMEOUT_MS, () =>
          done('silent', `authenticated, and said nothing within ${HELLO_TIMEOUT_MS} ms`),
        );
        const reader = new FrameReader((type, bytes, start, end) => {
          if (type === FRAME_REJECT) {
            const { code, text } = readReject(bytes, start, end);
            done(code, text);
          } else if (type === FRAME_HELLO) {
            const { name, protocolMin, protocolMax } = readHello(bytes, start, end);
            const isOfOurs = protocolMin <= PROTOCOL_MAX && protocolMax >= PROTOCOL_MIN;
            if (isOfOurs) done('linked', undefined, name);
            else done('version', `it speaks protocol ${protocolMin} to ${protocolMax}`, name);
          } else done('foreign', `a frame of type ${type} instead of HELLO`);
          return false;
        });
        connection.listen({
          onData: (chunk) => {
            try {
              reader.push(chunk);
            } catch (error) {
              done('foreign', describeError(error));
            }
          },
          onClose: (reason) => done('closed', reason),
        });
        connection.write(helloFrame(helloOf(prober)));
      },
      ({ kind, message }) => resolve({ outcome: kind, detail: message, name: undefined }),
    );
  });
}

function helloOf({ cluster, name, incarnation, nonce }: Prober): Hello {
  return {
    protocolMin: PROTOCOL_MIN,
    protocolMax: PROTOCOL_MAX,
    features: 0,
    cluster,
    incarnation,
    name,
    ageMs: 0,
    metadata: {},
    host: '',
    port: 1,
    maxFrameBytes: 1024 * 1024,
    nonce,
    to: '',
    have: 0,
    head: 0,
    first: 1,
    dropped: '',
  };
}
