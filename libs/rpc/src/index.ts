export type {
  CallContext,
  CallHandler,
  CallObserver,
  CallOptions,
  CallOutcome,
  OpenCall,
  Reply,
  Responder,
  Route,
  ServedKind,
} from './call.js';
export { checkCallOptions } from './call-options.js';
export { type CallErrorCode, ClusterCallError } from './errors.js';
export { answer, isAsyncIterable, pull } from './responder.js';
export { type CallMesh, Rpc } from './rpc.js';
