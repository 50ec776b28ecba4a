/** What a failure of Redis means, in words. Pure. */
import { describeError, printable } from '@rookery/runtime';

/** What happened and what to mend, as a part of a sentence. Never the address with a password: errors of ioredis have none. */
export function describeRedisFailure(error: unknown): string {
  const { code } = (error ?? {}) as { readonly code?: unknown };
  const text = printable(describeError(error), 200);
  if (/^(NOAUTH|WRONGPASS|ERR invalid password|ERR AUTH)/.test(text)) {
    return `it refuses the password (${text}): give the right user and password`;
  }
  if (text.startsWith('NOPERM'))
    return `the user may not do this (${text}): permit the keys of the prefix and the commands`;
  if (text.startsWith('READONLY'))
    return `it is a replica, which nobody writes to (${text}): give the address of the primary`;
  if (text.startsWith('OOM')) return `its memory is full (${text}): make room, or raise maxmemory`;
  if (/^(MOVED|ASK|CLUSTERDOWN|CROSSSLOT)/.test(text)) {
    return `it is a Redis Cluster (${text}): give a Cluster of ioredis as client`;
  }
  if (text.startsWith('WRONGTYPE')) return `somebody else uses a key of that name (${text}): choose another prefix`;
  if (text.startsWith("Stream isn't writeable")) {
    return 'no connection to it stands (yet): look whether Redis listens there, and whether the client is connected';
  }
  switch (code) {
    case 'ECONNREFUSED':
      return 'nobody listens there (ECONNREFUSED): start it, or correct the address';
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `its name cannot be resolved (${code}): correct the address, or look at DNS`;
    case 'ETIMEDOUT':
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return `it cannot be reached (${code}): look at the network and its firewalls`;
    default:
      return text;
  }
}
