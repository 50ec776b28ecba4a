/** The token of the pod's service account, and the authority of the API: files that Kubernetes renews while the process runs. */
import { open } from 'node:fs/promises';
import { type Clock, describeError } from '@rookery/runtime';
import { KubernetesFailure } from './kubernetes-failure.js';
import { withoutSecret } from './without-secret.js';

/** As long as client-go holds a token. One of a projected volume is renewed when a fifth of its life is left, mostly 12 minutes. */
const MAX_AGE_MS = 60_000;
/** Tokens are two kilobytes, bundles of certificates up to some hundreds. */
const MAX_FILE_BYTES = 1_048_576;

/** Fit for a header. */
const TOKEN = /^[\x21-\x7e]+$/;

export interface Credentials {
  readonly token: string;
  /** One certificate or several, PEM. */
  readonly authority: string;
}

/** Reads both files again when what was read is a minute old, or when the API did not accept it. */
export class KubernetesCredentials {
  private known: Credentials | undefined;
  private readAt = 0;

  constructor(
    private readonly tokenFile: string,
    private readonly caFile: string,
    private readonly clock: Clock,
  ) {}

  /** @throws {@link KubernetesFailure} `credentials`; says which file, never what is in it. */
  async read(): Promise<Credentials> {
    if (this.known !== undefined && this.clock.now() - this.readAt < MAX_AGE_MS) return this.known;
    return this.readAgain();
  }

  /** Whether there is another token by now than the one that was refused. */
  async isRenewed(refused: string): Promise<boolean> {
    const { token } = await this.readAgain();
    return token !== refused;
  }

  /** The text without the token, should somebody have put it in: the whole of it, or what a cut has left at the end. */
  redact(text: string): string {
    return this.known === undefined ? text : withoutSecret(text, this.known.token, '[token]');
  }

  private async readAgain(): Promise<Credentials> {
    const [token, authority] = await Promise.all([readText(this.tokenFile), readText(this.caFile)]);
    if (!TOKEN.test(token)) throw unusable(this.tokenFile, 'holds no token');
    if (!authority.includes('-----BEGIN CERTIFICATE-----')) throw unusable(this.caFile, 'holds no certificate');
    this.readAt = this.clock.now();
    // The same strings for the same files: connections are kept by them.
    if (token === this.known?.token && authority === this.known.authority) return this.known;
    return (this.known = { token, authority });
  }
}

async function readText(path: string): Promise<string> {
  try {
    const file = await open(path, 'r');
    try {
      const buffer = Buffer.alloc(MAX_FILE_BYTES + 1);
      let length = 0;
      for (;;) {
        const { bytesRead } = await file.read(buffer, length, buffer.length - length, null);
        length += bytesRead;
        if (bytesRead === 0) return buffer.toString('utf8', 0, length).trim();
        if (length > MAX_FILE_BYTES) throw new Error(`it is longer than ${MAX_FILE_BYTES} bytes`);
      }
    } finally {
      await file.close();
    }
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw unusable(path, `cannot be read (${code ?? describeError(cause)})`, cause);
  }
}

function unusable(path: string, problem: string, cause?: unknown): KubernetesFailure {
  return new KubernetesFailure('credentials', `${path} ${problem}`, { cause });
}
