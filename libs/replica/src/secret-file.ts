/** Reads a secret that an orchestrator lays into a file, such as `/run/secrets/cluster_cookie`. */
import { closeSync, openSync, readSync } from 'node:fs';

/** More than any secret has: a path to something else than a secret is told soon. */
const MAX_SECRET_BYTES = 4_096;

/** The secret, or what keeps us from having it, as the end of a sentence that begins with the name of the variable. */
export type SecretAnswer = { readonly secret: string } | { readonly problem: string };

/** @param path where the secret is; newlines at its end are no part of it, as editors and `echo` add one */
export function readSecretFile(path: string): SecretAnswer {
  let bytes: Buffer;
  try {
    bytes = readStart(path);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return { problem: `names ${path}, which cannot be read: ${code ?? message}` };
  }
  if (bytes.length > MAX_SECRET_BYTES) return { problem: `names ${path}, which is too large to hold a secret` };
  const secret = bytes.toString('utf8').replace(/[\r\n]+$/, '');
  return secret.trim() === '' ? { problem: `names ${path}, which is empty` } : { secret };
}

/** One byte more than is allowed, where there are so many. */
function readStart(path: string): Buffer {
  const file = openSync(path, 'r');
  try {
    const buffer = Buffer.alloc(MAX_SECRET_BYTES + 1);
    let length = 0;
    let got: number;
    do {
      got = readSync(file, buffer, length, buffer.length - length, null);
      length += got;
    } while (got > 0 && length < buffer.length);
    return buffer.subarray(0, length);
  } finally {
    closeSync(file);
  }
}
