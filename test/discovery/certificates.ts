/** Certificates for servers of tests, made on the spot: an authority, and what it vouches for (X.509, RFC 5280). */
import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { isIP } from 'node:net';

/** PEM, as `node:tls` takes it. */
export interface Certified {
  readonly cert: string;
  readonly key: string;
}

const VALID_MS = 24 * 60 * 60 * 1_000;

/** Its own authority, which signs with a P-256 key. */
export class Authority {
  private readonly keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  /** What clients trust. */
  readonly cert: string;

  constructor(private readonly name = 'an authority of the tests') {
    const isAuthority = extension('551d13', der(0x30, Buffer.from('0101ff', 'hex')), true);
    this.cert = this.certificateOf(this.name, this.keys.publicKey, [isAuthority]);
  }

  /** A certificate for a server of these names and addresses. */
  certify(...hosts: readonly string[]): Certified {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const names = hosts.map((host) =>
      isIP(host) === 0 ? der(0x82, Buffer.from(host, 'ascii')) : der(0x87, addressBytes(host)),
    );
    const cert = this.certificateOf(hosts[0]!, publicKey, [extension('551d11', der(0x30, ...names))]);
    return { cert, key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string };
  }

  private certificateOf(subject: string, key: KeyObject, extensions: readonly Buffer[]): string {
    const ecdsaWithSha256 = der(0x30, oid('2a8648ce3d040302'));
    const now = Date.now();
    const toBeSigned = der(
      0x30,
      der(0xa0, der(0x02, Buffer.from([2]))), // version 3
      der(0x02, Buffer.concat([Buffer.from([1]), randomBytes(8)])),
      ecdsaWithSha256,
      commonName(this.name),
      der(0x30, utcTime(now - VALID_MS), utcTime(now + VALID_MS)),
      commonName(subject),
      key.export({ type: 'spki', format: 'der' }),
      der(0xa3, der(0x30, ...extensions)),
    );
    const signature = sign('sha256', toBeSigned, this.keys.privateKey);
    const certificate = der(0x30, toBeSigned, ecdsaWithSha256, der(0x03, Buffer.from([0]), signature));
    const lines = certificate.toString('base64').match(/.{1,64}/g) ?? [];
    return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
  }
}

/** One value of DER: its tag, its length, what is in it. */
function der(tag: number, ...contents: readonly Buffer[]): Buffer {
  const content = Buffer.concat(contents);
  const { length } = content;
  const head =
    length < 0x80 ? [tag, length] : length < 0x100 ? [tag, 0x81, length] : [tag, 0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from(head), content]);
}

function oid(hex: string): Buffer {
  return der(0x06, Buffer.from(hex, 'hex'));
}

function extension(hex: string, value: Buffer, isCritical = false): Buffer {
  const critical = isCritical ? [der(0x01, Buffer.from([0xff]))] : [];
  return der(0x30, oid(hex), ...critical, der(0x04, value));
}

function commonName(name: string): Buffer {
  return der(0x30, der(0x31, der(0x30, oid('550403'), der(0x0c, Buffer.from(name, 'utf8')))));
}

function utcTime(ms: number): Buffer {
  const text = new Date(ms).toISOString().replace(/^\d\d|[-:T]|\.\d+/g, '');
  return der(0x17, Buffer.from(text, 'ascii'));
}

function addressBytes(address: string): Buffer {
  if (isIP(address) === 4) return Buffer.from(address.split('.').map(Number));
  const [head = '', tail = ''] = address.split('::');
  const groups = (text: string): string[] => (text === '' ? [] : text.split(':'));
  const zeros = 8 - groups(head).length - groups(tail).length;
  const all = [...groups(head), ...Array.from({ length: zeros }, () => '0'), ...groups(tail)];
  return Buffer.from(all.map((group) => group.padStart(4, '0')).join(''), 'hex');
}
