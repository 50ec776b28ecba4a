/** kubernetesApi() against a server that lists and watches as Kubernetes does, and fails in its ways. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { type Clock, describeError } from '@rookery/runtime';
import { ManualClock, settle } from '@rookery/testing';
import { type DiscoveryStrategy, kubernetesApi, type KubernetesApiOptions, type PeerAddress } from 'rookery/discovery';
import { patience, type StrategyContext, strategyContext } from 'rookery/testing';
import { forkTypescript } from '../apps/support/fork-typescript.js';
import { Authority } from './certificates.js';
import {
  answerStatus,
  type Fault,
  KubernetesServer,
  pod,
  PODS,
  slice,
  SLICES,
  statusObject,
} from './kubernetes-server.js';

let server: KubernetesServer;
const started: DiscoveryStrategy[] = [];
const children: ChildProcess[] = [];

beforeEach(async () => {
  server = await KubernetesServer.start();
});

afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL'); // if anything keeps it
  for (const strategy of started.splice(0)) await strategy.withdraw?.(strategyContext().self);
  await server.stop();
});

interface Started {
  readonly strategy: DiscoveryStrategy;
  readonly context: StrategyContext;
  discover(): Promise<readonly PeerAddress[]>;
}

function start(options: Partial<KubernetesApiOptions> = {}, clock?: Clock): Started {
  const all = { service: 'app', port: 4370, ...server.options, ...options } as KubernetesApiOptions;
  if (options.selector !== undefined) delete (all as { service?: unknown }).service;
  const strategy = kubernetesApi(all);
  const context = strategyContext();
  started.push(strategy);
  void strategy.start?.(clock === undefined ? context : Object.create(context, { clock: { value: clock } }));
  return { strategy, context, discover: () => strategy.discover(patience()) };
}

/** Started, listed and watching. */
async function watching(options: Partial<KubernetesApiOptions> = {}, clock?: Clock): Promise<Started> {
  const node = start(options, clock);
  await node.discover();
  await server.watched();
  return node;
}

/** Asks whenever a change is told, until the answer has these hosts. */
async function becomes(node: Started, ...hosts: readonly string[]): Promise<void> {
  for (;;) {
    const change = node.context.nextChange();
    const found = (await node.discover()).map(({ host }) => host);
    if (JSON.stringify(found) === JSON.stringify(hosts)) return;
    await change;
  }
}

/** A process of its own that asks once; it is still there, and watches if it may. */
async function alone(environment: NodeJS.ProcessEnv = {}): Promise<{ answer: unknown; child: ChildProcess }> {
  const options = JSON.stringify({ service: 'app', port: 4370, ...server.options });
  const child = forkTypescript('test/discovery/kubernetes-alone.ts', [options], environment);
  children.push(child);
  const [answer] = (await once(child, 'message')) as [unknown];
  return { answer, child };
}

/** Lets input arrive, and time go on, until the condition holds. */
async function passUntil(clock: ManualClock, condition: () => boolean, stepMs = 50): Promise<void> {
  while (!condition()) {
    await clock.advance(stepMs);
    for (let turn = 0; turn < 20; turn++) await settle();
  }
}

const at = (host: string, port = 4370): PeerAddress => ({ host, port });

describe('kubernetesApi() for services', () => {
  it('finds the endpoints of both families, sorted, each once', async () => {
    server
      .put(SLICES, slice('app-4', 'app', ['10.1.0.2', '10.1.0.1']), slice('app-6', 'app', ['FD00::0:1']))
      .put(SLICES, slice('app-5', 'app', ['10.1.0.1']), slice('other-1', 'other', ['10.9.0.1']));
    const { strategy, discover } = start();
    expect(strategy.name).toBe('kubernetes-api');
    expect(await discover()).toEqual([at('10.1.0.1'), at('10.1.0.2'), at('fd00::1')]);
    expect(server.requests[0]).toMatchObject({ verb: 'list', path: SLICES, token: 'token-1' });
    expect(Object.fromEntries(server.requests[0]!.query)).toEqual({
      labelSelector: 'kubernetes.io/service-name=app',
      limit: '500',
    });
  });

  it('watches from the version of the list, with bookmarks, for some minutes', async () => {
    server.put(SLICES, slice('app-1', 'app', ['10.1.0.1']));
    await watching();
    const query = Object.fromEntries(server.requests.at(-1)!.query);
    expect(query).toMatchObject({ watch: 'true', allowWatchBookmarks: 'true', resourceVersion: '1001' });
    expect(Number(query['timeoutSeconds'])).toBeGreaterThanOrEqual(240);
    expect(Number(query['timeoutSeconds'])).toBeLessThanOrEqual(360);
  });

  it('follows several services with one list and one watch', async () => {
    server.put(SLICES, slice('api-1', 'api', ['10.1.0.1']), slice('other-1', 'other', ['10.9.0.1']));
    const node = await watching({ service: ['landing', 'api'] });
    server.put(SLICES, slice('landing-1', 'landing', ['10.1.0.2']));
    await becomes(node, '10.1.0.1', '10.1.0.2');
    expect(server.requests.map(({ verb }) => verb)).toEqual(['list', 'watch']);
  });

  it('takes the port that the slice says for its name', async () => {
    server.put(SLICES, slice('app-1', 'app', ['10.1.0.1']));
    expect(await start({ port: 'rookery' }).discover()).toEqual([at('10.1.0.1', 4380)]);
  });

  it('tells who comes, changes and goes, as it happens', async () => {
    const node = await watching();
    server.put(SLICES, slice('app-1', 'app', ['10.1.0.1']));
    await becomes(node, '10.1.0.1');
    server.put(SLICES, slice('app-1', 'app', ['10.1.0.2', '10.1.0.3']));
    await becomes(node, '10.1.0.2', '10.1.0.3');
    server.remove(SLICES, 'app-1');
    await becomes(node);
    expect(server.countOf('list')).toBe(1);
  });

  it('does not call it a change when only something else about an object changes', async () => {
    server.put(SLICES, slice('app-1', 'app', ['10.1.0.1']));
    const node = await watching();
    if (node.context.changes === 0) await node.context.nextChange(); // the first list is one
    server.put(SLICES, slice('app-1', 'app', ['10.1.0.1'], { note: 'renewed' }));
    server.put(SLICES, slice('app-2', 'app', ['10.1.0.2']));
    await becomes(node, '10.1.0.1', '10.1.0.2');
    if (node.context.changes === 1) await node.context.nextChange();
    expect(node.context.changes).toBe(2);
  });

  it('lists those that are not ready and those that are ending, unless it is told to wait until they serve', async () => {
    const endpoints = [
      { addresses: ['10.1.0.1'], conditions: { ready: true, serving: true, terminating: false } },
      { addresses: ['10.1.0.2'], conditions: { ready: false, serving: false, terminating: false } },
      { addresses: ['10.1.0.3'], conditions: { ready: false, serving: true, terminating: true } },
    ];
    server.put(SLICES, slice('app-1', 'app', [], { endpoints }));
    expect(await start().discover()).toHaveLength(3);
    const { strategy, discover } = start({ includeNotReady: false });
    expect(await discover()).toEqual([at('10.1.0.1'), at('10.1.0.3')]);
    expect(strategy.explain?.()).toBe("Of service 'app', some are left out: 1 not ready, as includeNotReady is false.");
  });
});

describe('kubernetesApi() for pods', () => {
  it('finds pods by their labels, and follows them', async () => {
    server.put(PODS, pod('app-1', { app: 'shop' }, '10.1.0.1'), pod('db-1', { app: 'db' }, '10.9.0.1'));
    const node = await watching({ selector: 'app=shop', port: 'rookery' });
    expect(await node.discover()).toEqual([at('10.1.0.1', 4380)]);
    server.put(PODS, pod('app-2', { app: 'shop' }, '', { phase: 'Pending', podIP: undefined, podIPs: undefined }));
    server.put(PODS, pod('app-2', { app: 'shop' }, '10.1.0.2'));
    await becomes(node, '10.1.0.1', '10.1.0.2');
    server.put(PODS, pod('app-1', { app: 'shop' }, '10.1.0.1', { phase: 'Succeeded' }));
    await becomes(node, '10.1.0.2');
  });
});

describe('kubernetesApi() when a watch ends', () => {
  it('resumes from the last event, and lists nothing again', async () => {
    const node = await watching();
    server.put(SLICES, slice('app-1', 'app', ['10.1.0.1']));
    await becomes(node, '10.1.0.1');
    server.endWatches();
    server.put(SLICES, slice('app-2', 'app', ['10.1.0.2']));
    await becomes(node, '10.1.0.1', '10.1.0.2');
    expect(server.countOf('list')).toBe(1);
    const versions = server.requests
      .filter(({ verb }) => verb === 'watch')
      .map(({ query }) => query.get('resourceVersion'));
    expect(versions).toEqual(['1000', '1001']);
  });

  it('resumes from the last bookmark', async () => {
    await watching();
    server.passTime().passTime().bookmark().endWatches();
    await server.until(() => server.countOf('watch') === 2);
    expect(server.requests.at(-1)!.query.get('resourceVersion')).toBe('1002');
  });

  it.each(['status', 'event'] as const)('lists again at once when its version is gone, told by %s', async (by) => {
    server.tellsGoneBy = by;
    server.put(SLICES, slice('app-1', 'app', ['10.1.0.1']));
    const clock = new ManualClock();
    await watching({}, clock);
    server.endWatches();
    server
      .remove(SLICES, 'app-1')
      .put(SLICES, slice('app-2', 'app', ['10.1.0.2']))
      .passTime()
      .compact();
    await passUntil(clock, () => server.countOf('list') === 2);
    await server.until(() => server.openWatches === 1);
    expect(await started[0]!.discover(patience())).toEqual([at('10.1.0.2')]);
    expect(server.requests.map(({ verb }) => verb)).toEqual(['list', 'watch', 'watch', 'list', 'watch']);
  });

  it('does not list without a pause when every version is gone at once', async () => {
    const clock = new ManualClock();
    server.fault = ({ verb }) =>
      verb === 'watch' ? (response) => answerStatus(response, 410, 'Expired', 'too old') : undefined;
    start({}, clock);
    await server.until(() => server.countOf('watch') === 1);
    await passUntil(clock, () => server.countOf('watch') === 2, 0);
    for (let turn = 0; turn < 100; turn++) await settle();
    expect(server.countOf('list')).toBe(2);
    expect(clock.pending.length).toBeGreaterThan(0);
    await passUntil(clock, () => server.countOf('list') >= 5);
  });

  it('does not ask without a pause when every watch is ended at once', async () => {
    const clock = new ManualClock();
    server.fault = ({ verb }) => (verb === 'watch' ? (response) => response.end() : undefined);
    start({}, clock);
    await server.until(() => server.countOf('watch') === 1);
    for (let turn = 0; turn < 100; turn++) await settle();
    expect(server.countOf('watch')).toBe(1);
    await passUntil(clock, () => server.countOf('watch') >= 5);
    // Something on the way may let lists through and no watch.
    expect(server.countOf('list')).toBe(3);
  });

  it('loses nothing when the connection is reset in the middle of a line', async () => {
    server.put(SLICES, slice('app-1', 'app', ['10.1.0.1']));
    const node = await watching();
    server.write('{"type":"DELETED","object":{"metadata":{"name":"app-');
    await settle();
    server.reset();
    server.put(SLICES, slice('app-2', 'app', ['10.1.0.2']));
    await becomes(node, '10.1.0.1', '10.1.0.2');
    expect(server.countOf('list')).toBe(1);
  });

  it('puts events together that come in pieces, in the middle of characters too', async () => {
    const node = await watching();
    const object = slice('app-1', 'app', ['10.1.0.1'], { note: 'Brücke – 🐦' });
    const metadata = { ...object.metadata, resourceVersion: '1001' };
    const bytes = Buffer.from(`${JSON.stringify({ type: 'ADDED', object: { ...object, metadata } })}\n`, 'utf8');
    for (let start = 0; start < bytes.length; start += 5) {
      server.write(bytes.subarray(start, start + 5));
      await settle();
    }
    await becomes(node, '10.1.0.1');
    expect(server.requests.map(({ verb }) => verb)).toEqual(['list', 'watch']);
  });

  it.each([
    ['a line that is no JSON', '<html>\n'],
    ['a line that is no event', '[1]\n'],
    ['an event of no known type', '{"type":"MOVED","object":{"metadata":{"name":"x","resourceVersion":"1"}}}\n'],
    ['an object without a name', '{"type":"ADDED","object":{"metadata":{"resourceVersion":"1"}}}\n'],
    ['an object without a version', '{"type":"ADDED","object":{"metadata":{"name":"x"}}}\n'],
    [
      'an error of another kind',
      `${JSON.stringify({ type: 'ERROR', object: statusObject(500, 'InternalError', 'etcd') })}\n`,
    ],
    ['a line without an end', Buffer.alloc(4_300_000, 0x20)],
  ])('ends a watch and lists anew after %s', async (_case, bytes) => {
    server.put(SLICES, slice('app-1', 'app', ['10.1.0.1']));
    const node = await watching();
    server.write(bytes);
    await server.until(() => server.countOf('list') === 2);
    server.put(SLICES, slice('app-2', 'app', ['10.1.0.2']));
    await becomes(node, '10.1.0.1', '10.1.0.2');
  });

  it('gives up a watch that the server does not end in its time', async () => {
    const clock = new ManualClock();
    const { context } = await watching({}, clock);
    const ends = (): string => context.logged.find((line) => line.includes('has not ended within')) ?? '';
    await passUntil(clock, () => ends() !== '', 10_000);
    await passUntil(clock, () => server.countOf('watch') >= 2);
    const longestMs = Number(/within (\d+) ms/.exec(ends())?.[1]);
    expect(longestMs).toBeGreaterThanOrEqual(270_000);
    expect(longestMs).toBeLessThanOrEqual(390_000);
    expect(server.countOf('list')).toBe(1);
  });
});

describe('kubernetesApi() and its connections', () => {
  it('asks everything over one connection, as long as that holds', async () => {
    const node = await watching();
    for (let round = 1; round <= 3; round++) {
      server.endWatches().put(SLICES, slice('app-1', 'app', [`10.1.0.${round}`]));
      await becomes(node, `10.1.0.${round}`);
    }
    expect(server.countOf('watch')).toBe(4);
    expect(server.connections).toBe(1);
  });
});

describe('kubernetesApi() when a list is long', () => {
  const many = Array.from({ length: 1_200 }, (_, index) =>
    slice(`app-${String(index).padStart(4, '0')}`, 'app', [`10.1.${index >> 8}.${index & 255}`]),
  );

  it('reads page after page', async () => {
    server.put(SLICES, ...many);
    expect(await start().discover()).toHaveLength(1_200);
    expect(server.requests.slice(0, 3).map(({ query }) => query.has('continue'))).toEqual([false, true, true]);
    expect(new Set(server.requests.slice(0, 3).map(({ query }) => query.get('labelSelector'))).size).toBe(1);
  });

  it('begins again when a page is gone', async () => {
    server.put(SLICES, ...many);
    let compacted = false;
    server.fault = ({ query }) => {
      if (query.has('continue') && !compacted) {
        compacted = true;
        server.compact();
      }
      return undefined;
    };
    const { context, discover } = start();
    await expect(discover()).rejects.toMatchObject({ code: 'DISCOVERY_LOOKUP_FAILED' });
    await context.nextChange();
    expect(await discover()).toHaveLength(1_200);
    expect(server.countOf('list')).toBe(5);
  });

  it('does not believe a server that always has another page', async () => {
    server.fault = ({ verb }) =>
      verb === 'list'
        ? (response) => response.end('{"metadata":{"resourceVersion":"1","continue":"more"},"items":[]}')
        : undefined;
    await expect(start().discover()).rejects.toThrow('its list has more than 100 pages');
    expect(server.countOf('list')).toBe(100);
  });

  it('refuses a page that is too large', async () => {
    const chunk = Buffer.alloc(1_048_576, 0x20);
    server.fault = () => (response) => {
      const more = (): void =>
        void (response.destroyed || (response.write(chunk) ? setImmediate(more) : response.once('drain', more)));
      more();
    };
    await expect(start().discover()).rejects.toThrow('its answer is longer than 33554432 bytes');
  });
});

describe('kubernetesApi() and its token', () => {
  it('reads a token again that is refused, and goes on without an outage', async () => {
    const node = await watching();
    await server.rotate('token-2');
    server.endWatches().put(SLICES, slice('app-1', 'app', ['10.1.0.1']));
    await becomes(node, '10.1.0.1');
    expect(server.requests.map(({ token }) => token)).toEqual(['token-1', 'token-1', 'token-1', 'token-2']);
    expect(server.countOf('list')).toBe(1);
  });

  it('reads it again each minute, before it is refused', async () => {
    const clock = new ManualClock();
    await watching({}, clock);
    await server.writeToken('token-2');
    await clock.advance(60_000);
    server.accept('token-2');
    server.endWatches();
    await server.until(() => server.countOf('watch') === 2);
    expect(server.requests.at(-1)!.token).toBe('token-2');
  });

  it('says which file holds the token that is not accepted', async () => {
    await server.writeToken('stolen');
    await expect(start().discover()).rejects.toMatchObject({
      code: 'DISCOVERY_LOOKUP_FAILED',
      message: expect.stringMatching(/it answered 401 .*The token in \S+ is not accepted/),
    });
  });

  it.each(['', 'two\nlines', 'Ünicode'])('refuses a file that holds no token: %j', async (content) => {
    await server.writeToken(content);
    await expect(start().discover()).rejects.toThrow(`${server.options.tokenFile} holds no token`);
    expect(server.requests).toEqual([]);
  });

  it('says how to mend a file that is not there', async () => {
    await expect(start({ tokenFile: '/nowhere/token' }).discover()).rejects.toThrow(
      /\/nowhere\/token cannot be read \(ENOENT\)\. .*automountServiceAccountToken/,
    );
    await expect(start({ caFile: '/nowhere/ca.crt' }).discover()).rejects.toThrow(
      '/nowhere/ca.crt cannot be read (ENOENT)',
    );
  });

  it('never shows it, not even when a server repeats it', async () => {
    const secret = 'eyJhbGciOiJSUzI1NiJ9.c2VjcmV0.c2lnbmF0dXJl';
    await server.rotate(secret);
    const texts: string[] = [];
    const faults: Fault[] = [
      (response) => answerStatus(response, 403, 'Forbidden', `Bearer ${secret} may not`),
      (response) => answerStatus(response, 401, 'Unauthorized', secret),
      // Its end is beyond what is kept of a message.
      (response) => answerStatus(response, 403, 'Forbidden', `${'x'.repeat(190)} ${secret}`),
      (response) => response.writeHead(502).end(`<html>${secret}</html>`),
      (response) => response.end(secret),
      (response) => response.destroy(),
    ];
    for (const fault of faults) {
      server.fault = () => fault;
      const { strategy, context, discover } = start();
      const error = await discover().catch((failure: Error) => failure);
      texts.push(strategy.explain!()!, ...context.logged, ...textsOf(error));
      await strategy.withdraw?.(context.self); // or it would come back below
    }
    server.fault = () => undefined;
    const { context, strategy } = await watching();
    server.write(`${JSON.stringify({ type: 'ERROR', object: statusObject(500, 'InternalError', secret) })}\n`);
    await context.nextLog('Listing again');
    texts.push(...context.logged, strategy.explain?.() ?? '');
    expect(texts.length).toBeGreaterThan(15);
    expect(texts.join('\n')).toContain('[token]');
    expect(texts.join('\n')).not.toContain('c2VjcmV0');
  });
});

/** Everything that somebody may print of an error. */
function textsOf(error: unknown): string[] {
  if (!(error instanceof Error)) return [];
  return [error.message, error.stack ?? '', JSON.stringify(error), describeError(error), ...textsOf(error.cause)];
}

describe('kubernetesApi() when it is refused', () => {
  const forbidden = (verb: string) =>
    `endpointslices.discovery.k8s.io is forbidden: User "system:serviceaccount:shop:app" cannot ${verb} resource ` +
    `"endpointslices" in API group "discovery.k8s.io" in the namespace "shop"`;

  it('names the permission that is missing', async () => {
    server.fault = () => (response) => answerStatus(response, 403, 'Forbidden', forbidden('list'));
    await expect(start().discover()).rejects.toMatchObject({
      code: 'DISCOVERY_LOOKUP_FAILED',
      message:
        `Who is behind service 'app' in namespace 'shop' is unknown. Of the Kubernetes API at ${server.options.server}: ` +
        `it answered 403 (Forbidden: ${forbidden('list')}). Bind a Role of namespace 'shop' to the service account of this ` +
        'pod: apiGroups [discovery.k8s.io], resources [endpointslices], verbs [list, watch].',
      cause: { kind: 'status', status: 403 },
    });
    server.fault = () => (response) => answerStatus(response, 403, 'Forbidden', 'pods is forbidden');
    await expect(start({ selector: 'app=shop' }).discover()).rejects.toThrow(
      'apiGroups [""], resources [pods], verbs [list, watch]',
    );
  });

  it('goes by lists while it may not watch, and says so', async () => {
    server.put(SLICES, slice('app-1', 'app', ['10.1.0.1']));
    server.fault = ({ verb }) =>
      verb === 'watch' ? (response) => answerStatus(response, 403, 'Forbidden', forbidden('watch')) : undefined;
    const clock = new ManualClock();
    const { strategy, context, discover } = start({}, clock);
    expect(await discover()).toEqual([at('10.1.0.1')]);
    await context.nextLog('Listing again');
    expect(strategy.explain?.()).toMatch(/The answer is 0 s old: .* cannot watch .* verbs \[list, watch\]\.$/);
    server.put(SLICES, slice('app-2', 'app', ['10.1.0.2']));
    // It asks to watch again only once it has a list.
    await passUntil(clock, () => server.countOf('watch') >= 2);
    expect(await discover()).toEqual([at('10.1.0.1'), at('10.1.0.2')]);
  });

  it.each([
    ['a path that is not there', 404, 'NotFound', /answered 404 .*Kubernetes 1\.21 or newer/],
    ['a server that is busy', 429, 'TooManyRequests', /answered 429 .*It is asked again\.$/],
    ['a server that fails', 500, 'InternalError', /answered 500 .*It is asked again\.$/],
  ] as const)('says what to do about %s', async (_case, code, reason, message) => {
    server.fault = () => (response) => answerStatus(response, code, reason, 'in its words');
    await expect(start().discover()).rejects.toThrow(message);
  });

  it.each<[string, (response: ServerResponse) => unknown, RegExp]>([
    ['a page of something else', (response) => response.end('<html>'), /it is no JSON/],
    ['another document', (response) => response.end('{"items":[]}'), /no list of Kubernetes/],
    ['no objects', (response) => response.end('{"metadata":{"resourceVersion":"1"},"items":[1]}'), /are no objects/],
    ['a page that moved', (response) => response.writeHead(302, { location: '/login' }).end(), /it answered 302/],
    ['an end before the answer', (response) => response.destroy(), /cannot be reached/],
    [
      'half an answer',
      (response) => response.writeHead(200, { 'content-length': '99' }).write('{', () => response.destroy()),
      /cannot be reached/,
    ],
  ])('does not take %s for an answer', async (_case, answer, message) => {
    server.fault = () => (response) => void answer(response);
    await expect(start().discover()).rejects.toThrow(message);
  });

  it('waits as long as the server asks for', async () => {
    const clock = new ManualClock();
    server.fault = () => (response) => {
      response.setHeader('retry-after', '7');
      answerStatus(response, 429, 'TooManyRequests', 'too many requests');
    };
    await expect(start({}, clock).discover()).rejects.toThrow('429');
    await passUntil(clock, () => clock.pending.length > 0, 0);
    expect(clock.pending).toEqual([7_000]);
  });
});

describe('kubernetesApi() and the certificate of the server', () => {
  it('refuses one of another authority, and asks nothing of that server', async () => {
    await writeFile(server.options.caFile, new Authority('another one').cert);
    await expect(start().discover()).rejects.toThrow(/its certificate is refused .* as caFile/);
    expect(server.requests).toEqual([]);
  });

  it('refuses it even where the environment switches the checks of the process off', async () => {
    await writeFile(server.options.caFile, new Authority('another one').cert);
    // eslint-disable-next-line rookery/verified-tls -- that it has no effect is what is tested
    const { answer } = await alone({ NODE_TLS_REJECT_UNAUTHORIZED: '0' });
    expect(answer).toMatch('its certificate is refused');
    expect(server.requests).toEqual([]);
  }, 30_000);

  it('refuses one for another name', async () => {
    const impostor = await KubernetesServer.start('127.0.0.1', ['kubernetes.default.svc', '127.0.0.2']);
    try {
      await expect(start({ ...impostor.options }).discover()).rejects.toThrow('ERR_TLS_CERT_ALTNAME_INVALID');
      expect(impostor.requests).toEqual([]);
    } finally {
      await impostor.stop();
    }
  });

  it('takes an authority that is renewed in its file', async () => {
    const clock = new ManualClock();
    const { caFile } = server.options;
    const renewed = await readFile(caFile);
    await writeFile(caFile, `${new Authority('an old one').cert}${new Authority('an older one').cert}`);
    const { discover } = start({ timeoutMs: 60_000 }, clock);
    await expect(discover()).rejects.toThrow('its certificate is refused');
    await writeFile(caFile, renewed);
    await passUntil(clock, () => server.openWatches === 1, 500);
    expect(await discover()).toEqual([]);
  });

  it('finds a server by its IPv6 address, and one under a path', async () => {
    const other = await KubernetesServer.start('::1');
    try {
      other.put(SLICES, slice('app-1', 'app', ['10.1.0.1']));
      expect(other.options.server).toMatch(/^https:\/\/\[::1\]:/);
      expect(await start({ ...other.options }).discover()).toEqual([at('10.1.0.1')]);
      await expect(start({ ...other.options, server: `${other.options.server}/k8s/` }).discover()).rejects.toThrow(
        '404',
      );
      expect(other.requests.at(-1)!.path).toBe(`/k8s${SLICES}`);
    } finally {
      await other.stop();
    }
  });
});

describe('kubernetesApi() and time', () => {
  it('does not wait for a silent server longer than it was told to', async () => {
    const clock = new ManualClock();
    server.fault = () => () => undefined;
    const answer = start({ timeoutMs: 3_000 }, clock).discover();
    answer.catch(() => undefined); // It is looked at below.
    await server.until(() => server.requests.length === 1);
    await clock.advance(3_000);
    await expect(answer).rejects.toThrow('it did not answer within 3000 ms');
  });

  it('does not wait for the end of an answer for ever', async () => {
    const clock = new ManualClock();
    server.fault = () => (response) => response.write('{"metadata":');
    const answer = start({}, clock).discover();
    answer.catch(() => undefined); // It is looked at below.
    await server.until(() => server.requests.length === 1);
    await passUntil(clock, () => clock.pending.includes(30_000), 0);
    await clock.advance(30_000);
    await expect(answer).rejects.toThrow('its answer has not ended within 30000 ms');
  });

  it('waits for a slow server as long as the poll does', async () => {
    server.fault = () => () => undefined;
    const { strategy } = start();
    const abort = new AbortController();
    const reason = new Error('the poll took too long');
    const answer = strategy.discover(abort.signal);
    await server.until(() => server.requests.length === 1);
    abort.abort(reason);
    await expect(answer).rejects.toBe(reason);
  });

  it('answers with what it knew while the API is away, then says that it does not know, and tells when it does', async () => {
    server.put(SLICES, slice('app-1', 'app', ['10.1.0.1']));
    const clock = new ManualClock();
    const { strategy, context, discover } = await watching({ staleAfterMs: 600_000 }, clock);
    await clock.advance(100_000);
    expect(await discover()).toEqual([at('10.1.0.1')]);
    await server.watched();

    server.fault = () => (response) => answerStatus(response, 503, 'ServiceUnavailable', 'stopping');
    server.reset();
    await passUntil(clock, () => context.logged.some((line) => line.includes('503')));
    expect(await discover()).toEqual([at('10.1.0.1')]);
    expect(strategy.explain?.()).toMatch(/^The answer is \d+ s old: of the Kubernetes API at .* 503 /);
    await clock.advance(600_000);
    await expect(discover()).rejects.toThrow(/in namespace 'shop' has not been known for 6\d\d s\. /);

    server.fault = () => undefined;
    server.put(SLICES, slice('app-2', 'app', ['10.1.0.2']));
    const { changes } = context;
    await passUntil(clock, () => context.changes > changes && server.openWatches === 1);
    await passUntil(clock, () => strategy.explain?.() === undefined);
    expect(await discover()).toEqual([at('10.1.0.1'), at('10.1.0.2')]);
  });

  it('says once that nobody is listed when that goes on, why, and when it is over', async () => {
    const clock = new ManualClock();
    const { strategy, context, discover } = await watching({}, clock);
    const lines = (): string[] => context.logged.filter((line) => !line.startsWith('debug'));
    expect(await discover()).toEqual([]);
    await clock.advance(9_999);
    await discover();
    expect(lines()).toEqual([]);
    await clock.advance(1);
    await discover();
    await discover();
    const reason =
      "Namespace 'shop' has no endpointslices of service 'app': check the name of the service and that it has a selector, and the namespace.";
    expect(lines()).toEqual([
      `warn: Kubernetes lists nobody behind service 'app': this node meets nobody there until it does. ${reason}`,
    ]);
    expect(strategy.explain?.()).toBe(reason);
    server.put(SLICES, slice('app-1', 'app', ['10.1.0.1']));
    await passUntil(clock, () => context.changes > 0 && strategy.explain?.() === undefined);
    await discover();
    expect(lines().at(-1)).toBe("info: Kubernetes lists somebody behind service 'app' now.");
  });

  it('tells the names of the ports where the one asked for is not among them', async () => {
    server.put(SLICES, slice('app-1', 'app', ['10.1.0.1', '10.1.0.2']));
    const { strategy, discover } = start({ port: 'mesh' });
    expect(await discover()).toEqual([]);
    expect(strategy.explain?.()).toBe(
      "Nobody of service 'app' can be listed: 2 without a TCP port named 'mesh' (there are rookery).",
    );
  });
});

describe('kubernetesApi() and its node', () => {
  it('serves one node at a time, and may serve another one afterwards', async () => {
    const { strategy, context, discover } = await watching();
    expect(() => strategy.start?.(strategyContext())).toThrow(expect.objectContaining({ code: 'DISCOVERY_IN_USE' }));
    await strategy.withdraw?.(context.self);
    await expect(discover()).rejects.toMatchObject({ code: 'DISCOVERY_NOT_STARTED' });
    await strategy.start?.(strategyContext());
    expect(await discover()).toEqual([]);
  });

  it('closes its connections when it is withdrawn, whatever it is doing', async () => {
    const { strategy, context } = await watching();
    await strategy.withdraw?.(context.self);
    await server.watched(0);
    server.fault = () => () => undefined;
    const waiting = start();
    const answer = waiting.discover();
    await server.until(() => server.countOf('list') === 2);
    await waiting.strategy.withdraw?.(waiting.context.self);
    await expect(answer).rejects.toMatchObject({ code: 'DISCOVERY_NOT_STARTED' });
    await server.until(() => server.openConnections === 0);
  });

  it('does not keep a process for which there is nothing else to do', async () => {
    server.put(SLICES, slice('app-1', 'app', ['10.1.0.1']));
    const { answer, child } = await alone();
    expect(answer).toEqual([at('10.1.0.1')]);
    await server.watched();
    child.send('nothing else to do');
    expect(await once(child, 'exit')).toEqual([0, null]);
  }, 30_000);

  it('tells no change any more once it has left', async () => {
    const clock = new ManualClock();
    const { strategy, context } = await watching({}, clock);
    server.put(SLICES, slice('app-1', 'app', ['10.1.0.1']));
    await passUntil(clock, () => clock.pending.includes(20), 0);
    await strategy.withdraw?.(context.self);
    expect(clock.pending).toEqual([]);
  });

  it('leaves while it waits for the next attempt', async () => {
    const clock = new ManualClock();
    server.fault = () => (response) => answerStatus(response, 403, 'Forbidden', 'no');
    const { strategy, context, discover } = start({}, clock);
    await expect(discover()).rejects.toThrow('403');
    expect(server.openConnections).toBe(1);
    await strategy.withdraw?.(context.self);
    expect(clock.pending).toEqual([]);
    await server.until(() => server.openConnections === 0);
  });
});

describe('kubernetesApi() with 10 000 endpoints', () => {
  it.each([100, 1_000])('lists them in slices of %i', async (size) => {
    const slices = Array.from({ length: 10_000 / size }, (_, index) =>
      slice(
        `app-${String(index).padStart(3, '0')}`,
        'app',
        Array.from(
          { length: size },
          (_, n) =>
            `10.${1 + Math.floor((index * size + n) / 65_536)}.${((index * size + n) >> 8) & 255}.${(index * size + n) & 255}`,
        ),
      ),
    );
    const items = slices.map((item) => ({ ...item, metadata: { ...item.metadata, resourceVersion: '1' } }));
    const body = Buffer.from(JSON.stringify({ metadata: { resourceVersion: '1000' }, items }));
    server.fault = ({ verb }) => (verb === 'list' ? (response) => response.end(body) : undefined);
    const delay = monitorEventLoopDelay({ resolution: 1 });
    delay.enable();
    const began = performance.now();
    const node = start();
    const found = await node.discover();
    const tookMs = performance.now() - began;
    for (let turn = 0; turn < 5; turn++) await settle();
    delay.disable();
    expect(found).toHaveLength(10_000);
    await server.watched();
    if (node.context.changes === 0) await node.context.nextChange();

    // One slice is replaced.
    const changeBegan = performance.now();
    const change = node.context.nextChange();
    server.put(SLICES, slice('app-001', 'app', ['10.200.0.1']));
    await change;
    const toldMs = performance.now() - changeBegan;
    const again = performance.now();
    expect(await node.discover()).toHaveLength(10_000 - size + 1);
    const mergedMs = performance.now() - again;
    process.stdout.write(
      `10 000 endpoints in slices of ${size}: ${(body.length / 1e6).toFixed(1)} MB listed and read in ${tookMs.toFixed(0)} ms, ` +
        `the event loop held for ${(delay.max / 1e6).toFixed(0)} ms at most (the server is in it, too); a change told after ` +
        `${toldMs.toFixed(0)} ms, merged in ${mergedMs.toFixed(0)} ms\n`,
    );
    expect(tookMs).toBeLessThan(5_000);
  });
});
