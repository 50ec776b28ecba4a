/** What a failure of a multicast socket means, in words. Pure. */
import { describeError } from '@rookery/runtime';

/**
 * What happened and what to mend, as a part of a sentence.
 *
 * @param port - of the group.
 */
export function describeSocketFailure(error: unknown, port: number): string {
  const { code } = error as NodeJS.ErrnoException;
  switch (code) {
    case 'EADDRINUSE':
      return `UDP port ${port} is taken by a program that does not share it: end that program, or give every node another port`;
    case 'EACCES':
    case 'EPERM':
      return 'the system does not permit it (EACCES): look at firewall rules and, for ports below 1024, at the rights of this user';
    case 'ENODEV':
    case 'EADDRNOTAVAIL':
      return `the interface is gone, or cannot do multicast (${code}): bring it up, or give another one as interface`;
    case 'ENETUNREACH':
    case 'EHOSTUNREACH':
    case 'ENETDOWN':
      return `no route leads to the group (${code}): bring an interface up, or give the one to use as interface`;
    case 'ENOBUFS':
    case 'ENOMEM':
      return `the system is out of memory for packets (${code}): it is tried again`;
    case 'EMFILE':
    case 'ENFILE':
      return `there are no more file descriptors (${code}): raise the limit of this process`;
    default:
      return describeError(error);
  }
}
