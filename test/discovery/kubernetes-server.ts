/**
 * A real HTTPS server on loopback that lists and watches as the API of Kubernetes does, as far as its reference says, and
 * fails as it can fail: https://kubernetes.io/docs/reference/using-api/api-concepts/
 */
import { once } from 'node:events';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Authority } from './certificates.js';

/** An object as far as the server looks into it. */
export interface StoredObject {
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> };
  readonly [key: string]: unknown;
}

/** A request that arrived. */
export interface Seen {
  readonly verb: 'list' | 'watch';
  readonly path: string;
  readonly query: URLSearchParams;
  readonly token: string;
}

/** What is done with a request instead of answering it; `undefined` answers it. */
export type Fault = (response: ServerResponse, seen: Seen) => void;

interface Event {
  readonly version: number;
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly collection: string;
  readonly object: StoredObject;
}

interface Watcher {
  readonly seen: Seen;
  readonly response: ServerResponse;
}

interface Snapshot {
  readonly version: number;
  readonly rest: readonly StoredObject[];
}

export const SLICES = '/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices';
export const PODS = '/api/v1/namespaces/shop/pods';

export class KubernetesServer {
  /** Every request that was let in or refused, in order. */
  readonly requests: Seen[] = [];
  /** How many connections there have been. */
  connections = 0;
  /** How a version that is compacted away is told: by the status of the answer, or by an event in it. */
  tellsGoneBy: 'status' | 'event' = 'status';
  /** Decides what goes wrong, request by request. */
  fault: (seen: Seen) => Fault | undefined = () => undefined;
  private readonly collections = new Map<string, Map<string, StoredObject>>();
  private readonly snapshots = new Map<string, Snapshot>();
  private readonly watchers = new Set<Watcher>();
  private readonly sockets = new Set<Socket>();
  private readonly waiting = new Set<() => void>();
  private events: Event[] = [];
  private version = 1_000;
  /** Events up to this one are forgotten. */
  private floor = 0;
  private accepted = '';

  private constructor(
    private readonly server: Server,
    private readonly host: string,
    private readonly directory: string,
  ) {}

  static async start(host = '127.0.0.1', names: readonly string[] = [host]): Promise<KubernetesServer> {
    const authority = new Authority();
    const directory = await mkdtemp(join(tmpdir(), 'rookery-kubernetes-'));
    const https = createServer(authority.certify(...names));
    https.keepAliveTimeout = 60_000; // Whoever leaves a connection open is found out.
    const server = new KubernetesServer(https, host, directory);
    https.on('connection', (socket: Socket) => {
      server.connections++;
      server.sockets.add(socket);
      socket.on('close', () => {
        server.sockets.delete(socket);
        server.wake();
      });
      socket.on('error', () => undefined); // Breaking connections is what it is for.
    });
    https.on('tlsClientError', () => undefined); // So are clients that refuse its certificate.
    https.on('request', (request, response) => server.handle(request, response));
    https.listen(0, host);
    await once(https, 'listening');
    await writeFile(server.options.caFile, authority.cert);
    await server.rotate('token-1');
    return server;
  }

  /** What kubernetesApi() must be told to come here. */
  get options(): { server: string; namespace: string; tokenFile: string; caFile: string } {
    const host = this.host.includes(':') ? `[${this.host}]` : this.host;
    const { port } = this.server.address() as AddressInfo;
    const [tokenFile, caFile] = [join(this.directory, 'token'), join(this.directory, 'ca.crt')];
    return { server: `https://${host}:${port}`, namespace: 'shop', tokenFile, caFile };
  }

  get openWatches(): number {
    return this.watchers.size;
  }

  get openConnections(): number {
    return this.sockets.size;
  }

  /** From now on this is the token, and the only one. The file changes at once, as that of a projected volume. */
  async rotate(token: string): Promise<void> {
    this.accepted = token;
    await this.writeToken(token);
  }

  async writeToken(token: string): Promise<void> {
    await writeFile(`${this.options.tokenFile}.new`, `${token}\n`);
    await rename(`${this.options.tokenFile}.new`, this.options.tokenFile);
  }

  /** From now on only this token is accepted, wherever it is. */
  accept(token: string): void {
    this.accepted = token;
  }

  put(collection: string, ...objects: readonly StoredObject[]): this {
    const stored = this.collections.get(collection) ?? new Map<string, StoredObject>();
    this.collections.set(collection, stored);
    for (const given of objects) {
      const { name } = given.metadata;
      const type = stored.has(name) ? 'MODIFIED' : 'ADDED';
      const object = this.stamp(given);
      stored.set(name, object);
      this.happen({ version: this.version, type, collection, object });
    }
    return this;
  }

  remove(collection: string, ...names: readonly string[]): this {
    for (const name of names) {
      const object = this.collections.get(collection)?.get(name);
      if (object === undefined) continue;
      this.collections.get(collection)!.delete(name);
      const last = this.stamp(object);
      this.happen({ version: this.version, type: 'DELETED', collection, object: last });
    }
    return this;
  }

  /** Something happens elsewhere: the version goes on, and nobody who watches these collections is told. */
  passTime(): this {
    this.version++;
    return this;
  }

  /** Tells every watch up to where it has seen everything. */
  bookmark(): this {
    const metadata = { resourceVersion: String(this.version), creationTimestamp: null };
    this.write(`${JSON.stringify({ type: 'BOOKMARK', object: { kind: 'EndpointSlice', metadata } })}\n`);
    return this;
  }

  /** Forgets what happened until now: watches cannot go on from there, and lists that were begun cannot be ended. */
  compact(): this {
    this.floor = this.version;
    this.snapshots.clear();
    this.events = [];
    return this;
  }

  /** Writes to every open watch whatever is given. */
  write(bytes: string | Uint8Array): this {
    for (const { response } of this.watchers) response.write(bytes);
    return this;
  }

  /** Ends every watch, as after `timeoutSeconds`. */
  endWatches(): this {
    for (const { response } of this.watchers) response.end();
    this.watchers.clear();
    return this;
  }

  /** Resets every connection. */
  reset(): this {
    for (const socket of this.sockets) socket.resetAndDestroy();
    return this;
  }

  /** Resolves when the condition holds; looked at whenever something arrives or ends. */
  until(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const check = (): void => {
        if (!condition()) return;
        this.waiting.delete(check);
        resolve();
      };
      this.waiting.add(check);
      check();
    });
  }

  /** Resolves when so many watches are open. */
  watched(count = 1): Promise<void> {
    return this.until(() => this.watchers.size === count);
  }

  countOf(verb: Seen['verb']): number {
    return this.requests.filter((seen) => seen.verb === verb).length;
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.server.close(resolve));
    for (const socket of this.sockets) socket.destroy();
    await closed;
    await rm(this.directory, { recursive: true });
  }

  private stamp(object: StoredObject): StoredObject {
    const resourceVersion = String(++this.version);
    return { ...object, metadata: { ...object.metadata, resourceVersion } } as StoredObject;
  }

  private happen(event: Event): void {
    this.events.push(event);
    for (const watcher of this.watchers) this.tell(watcher, event);
  }

  private tell({ seen, response }: Watcher, { type, collection, object }: Event): void {
    if (seen.path !== collection || !matches(object, seen.query.get('labelSelector'))) return;
    response.write(`${JSON.stringify({ type, object })}\n`);
  }

  private handle(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url!, 'https://server.test');
    const query = url.searchParams;
    const token = (request.headers.authorization ?? '').replace(/^Bearer /, '');
    const seen: Seen = { verb: query.has('watch') ? 'watch' : 'list', path: url.pathname, query, token };
    this.requests.push(seen);
    const fault = this.fault(seen);
    if (fault !== undefined) fault(response, seen);
    else if (token !== this.accepted) answerStatus(response, 401, 'Unauthorized', 'Unauthorized');
    else if (seen.path !== SLICES && seen.path !== PODS) answerStatus(response, 404, 'NotFound', 'not found');
    else if (seen.verb === 'watch') this.watch(seen, response);
    else this.list(seen, response);
    this.wake();
  }

  private list({ path, query }: Seen, response: ServerResponse): void {
    const token = query.get('continue');
    const all = (): StoredObject[] =>
      [...(this.collections.get(path)?.values() ?? [])]
        .filter((object) => matches(object, query.get('labelSelector')))
        .sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
    const snapshot = token === null ? { version: this.version, rest: all() } : this.snapshots.get(token);
    if (snapshot === undefined) {
      return answerStatus(response, 410, 'Expired', 'The provided continue parameter is too old to display a list.');
    }
    const { version, rest } = snapshot;
    const limit = Number(query.get('limit') ?? rest.length);
    const metadata: Record<string, unknown> = { resourceVersion: String(version) };
    if (rest.length > limit) {
      metadata['continue'] = Buffer.from(`${version}/${this.snapshots.size}`).toString('base64');
      metadata['remainingItemCount'] = rest.length - limit;
      this.snapshots.set(metadata['continue'] as string, { version, rest: rest.slice(limit) });
    }
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ kind: 'List', apiVersion: 'v1', metadata, items: rest.slice(0, limit) }));
  }

  private watch(seen: Seen, response: ServerResponse): void {
    const from = Number(seen.query.get('resourceVersion'));
    const tooOld = `too old resource version: ${from} (${this.floor + 1})`;
    if (from < this.floor && this.tellsGoneBy === 'status') return answerStatus(response, 410, 'Expired', tooOld);
    response.setHeader('content-type', 'application/json');
    response.flushHeaders();
    if (from < this.floor) {
      response.end(`${JSON.stringify({ type: 'ERROR', object: statusObject(410, 'Expired', tooOld) })}\n`);
      return;
    }
    const watcher = { seen, response };
    this.watchers.add(watcher);
    response.on('close', () => {
      this.watchers.delete(watcher);
      this.wake();
    });
    for (const event of this.events) if (event.version > from) this.tell(watcher, event);
  }

  private wake(): void {
    for (const check of this.waiting) check();
  }
}

/** The object by which the API tells an error. */
export function statusObject(code: number, reason: string, message: string): object {
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason, code };
}

export function answerStatus(response: ServerResponse, code: number, reason: string, message: string): void {
  response.writeHead(code, { 'content-type': 'application/json' });
  response.end(JSON.stringify(statusObject(code, reason, message)));
}

/** `key=value` and `key in (a,b)`. */
function matches({ metadata: { labels = {} } }: StoredObject, selector: string | null): boolean {
  const [, key = '', one, several] = /^([\w./-]+)(?:=([\w-]+)| in \(([^)]*)\))$/.exec(selector ?? '') ?? [];
  const value = labels[key];
  return value !== undefined && (value === one || (several?.split(',') ?? []).includes(value));
}

/** A slice of a service, as the controller of Kubernetes writes it. */
export function slice(name: string, service: string, hosts: readonly string[], more: object = {}): StoredObject {
  return {
    metadata: { name, labels: { 'kubernetes.io/service-name': service } },
    addressType: hosts.some((host) => host.includes(':')) ? 'IPv6' : 'IPv4',
    ports: [{ name: 'rookery', protocol: 'TCP', port: 4380 }],
    endpoints: hosts.map((host, index) => ({
      addresses: [host],
      conditions: { ready: true, serving: true, terminating: false },
      nodeName: `node-${index % 50}`,
      targetRef: { kind: 'Pod', namespace: 'shop', name: `${name}-${index}`, uid: `${name}-${index}-0000-0000` },
      zone: 'zone-a',
    })),
    ...more,
  };
}

/** A pod that runs. */
export function pod(
  name: string,
  labels: Readonly<Record<string, string>>,
  ip: string,
  status: object = {},
): StoredObject {
  return {
    metadata: { name, labels },
    spec: { containers: [{ name: 'app', ports: [{ name: 'rookery', containerPort: 4380 }] }] },
    status: {
      phase: 'Running',
      podIP: ip,
      podIPs: [{ ip }],
      conditions: [{ type: 'Ready', status: 'True' }],
      ...status,
    },
  };
}
