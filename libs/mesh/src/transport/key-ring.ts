/** Keys from the cookie. The cookie itself is forgotten once they are made, and nothing here can be printed. */
import { createHash, createHmac, hkdfSync, scrypt, timingSafeEqual } from 'node:crypto';
import { inspect } from 'node:util';

/** One derived key, known to both ends; `id` tells keys apart without telling anything about them. */
export class ClusterKey {
  readonly id: string;
  readonly #psk: Buffer;
  readonly #discovery: Buffer;

  constructor(psk: Buffer) {
    this.#psk = psk;
    this.#discovery = Buffer.from(hkdfSync('sha256', psk, '', 'rookery/discovery/v1', 32));
    this.id = `v1.${createHash('sha256').update(psk).digest('hex').slice(0, 8)}`;
  }

  /** For the TLS callbacks alone. */
  get psk(): Buffer {
    return this.#psk;
  }

  sign(message: Uint8Array): Buffer {
    return createHmac('sha256', this.#discovery).update(message).digest();
  }

  verify(message: Uint8Array, signature: Uint8Array): boolean {
    const expected = this.sign(message);
    return signature.length === expected.length && timingSafeEqual(expected, signature);
  }

  toJSON(): string {
    return this.id;
  }

  [inspect.custom](): string {
    return `ClusterKey(${this.id})`;
  }
}

/** The key we dial with, and those we accept. */
export interface KeyRing {
  readonly use: ClusterKey;
  readonly accept: ReadonlyMap<string, ClusterKey>;
}

/**
 * Derives the keys. scrypt (RFC 7914) makes guessing expensive: with a pre-shared key, whoever sees one dial can try
 * cookies offline. About 0.1 s, off the main thread.
 */
export async function makeKeyRing(cookies: {
  readonly use: string;
  readonly accept: readonly string[];
}): Promise<KeyRing> {
  const use = await deriveKey(cookies.use);
  const others = await Promise.all(cookies.accept.filter((cookie) => cookie !== cookies.use).map(deriveKey));
  return { use, accept: new Map([use, ...others].map((key) => [key.id, key])) };
}

function deriveKey(cookie: string): Promise<ClusterKey> {
  return new Promise((resolve, reject) => {
    const cost = { N: 2 ** 15, r: 8, p: 1, maxmem: 64 * 1024 * 1024 };
    scrypt(cookie, 'rookery/psk/v1', 32, cost, (error, key) => {
      if (error) reject(error);
      else resolve(new ClusterKey(key));
    });
  });
}
