/** Traces that go on from the caller to the handler, for OpenTelemetry: `rookery/opentelemetry`. */
import type { ReadPacket } from '@nestjs/microservices';
import { context, type Context, propagation, ROOT_CONTEXT } from '@opentelemetry/api';
import type { ClusterClient } from '../microservice/cluster-client.js';
import type { ClusterContext } from '../microservice/cluster-context.js';
import type { ClusterServer } from '../microservice/cluster-server.js';

/** What {@link traceCalls} connects. */
export interface TracedCalls {
  /** Whatever it sends carries the trace of the code that sends it. Views that it has, or gets later, included. */
  readonly client?: ClusterClient;
  /** Its handlers run in the trace that came with the call. */
  readonly server?: ClusterServer;
}

/**
 * Lets the trace context travel with calls, and with events that are emitted to one member, in the metadata beside their data:
 * in the format of the propagators that the application set up (W3C `traceparent` by default). Makes no spans itself, and does
 * nothing where the application has no OpenTelemetry SDK.
 *
 * It sets Nest's dispatch hook of the client and its processing start hook of the server, of which there is one each. Whoever
 * has hooks of their own calls {@link injectTrace} and {@link withTrace} in them instead.
 *
 * @example
 * traceCalls({ client: app.get(ClusterClient), server: app.get(ClusterServer) });
 */
export function traceCalls({ client, server }: TracedCalls): void {
  client?.setOnDispatchHook(injectTrace);
  server?.setOnProcessingStartHook((_transport, call, done) => void withTrace(call as ClusterContext, done));
}

/** Puts the active trace context into the metadata of a packet, beside what is there. */
export function injectTrace(packet: ReadPacket): void {
  const carrier: Record<string, string> = {};
  propagation.inject(context.active(), carrier);
  if (Object.keys(carrier).length > 0) packet.metadata = { ...packet.metadata, ...carrier };
}

/** Runs `work` in the trace context that came with a call. */
export function withTrace<T>(call: Pick<ClusterContext, 'getMetadata'>, work: () => T): T {
  return context.with(traceOf(call), work);
}

function traceOf(call: Pick<ClusterContext, 'getMetadata'>): Context {
  const carrier = call.getMetadata();
  // What this node happened to do when the call came is no part of it.
  return carrier === undefined ? ROOT_CONTEXT : propagation.extract(ROOT_CONTEXT, carrier);
}
