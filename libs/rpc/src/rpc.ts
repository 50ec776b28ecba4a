/** Calls over the mesh: who is asked, what is awaited, what is answered. */
import type { CallHandler, CallObserver, CallOptions, CallOutcome, OpenCall, Responder, Route, ServedKind } from './call.js';
import type { Member } from '@rookery/mesh';

export interface Rpc {
  open(kind: ServedKind, pattern: string, data: unknown, options: CallOptions, observer: CallObserver): OpenCall;
  request(pattern: string, data: unknown, options?: CallOptions): Promise<unknown>;
  requestAll(pattern: string, data: unknown, options?: CallOptions): Promise<readonly CallOutcome[]>;
  stream(pattern: string, data: unknown, options?: CallOptions): AsyncIterable<unknown>;
  /** Members that serve it, this node included, in no order. */
  serving(kind: ServedKind, pattern: string, route?: Route): readonly Member[];
  serve(kind: ServedKind, pattern: string, responder: Responder): () => void;
  respond(pattern: string, handler: CallHandler): () => void;
  drain(timeoutMs: number): Promise<void>;
}
