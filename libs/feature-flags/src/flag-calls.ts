/** What members ask each other about flags: the patterns, what is asked, and what is answered. */
import type { FlagChange } from './flag-history.js';

/** Asks for what became of a flag. */
export interface FlagHistoryRequest {
  readonly key: string;
  /** How many changes at most. @default all that are kept */
  readonly limit?: number;
}

/** One change, with who told of it. */
export interface FlagHistoryEntry extends FlagChange {
  /** The name of the replica that read it. */
  readonly answeredBy: string;
}

declare module 'rookery' {
  interface ClusterCallMap {
    /** A stream: the changes of a flag, the newest first. */
    'flags.history': { request: FlagHistoryRequest; response: FlagHistoryEntry };
  }
}
