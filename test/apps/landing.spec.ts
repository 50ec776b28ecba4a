/** The landing pages over HTTP: what they say, and what their event stream sends. */
import { once } from 'node:events';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import type { FlagHistoryEntry } from '@rookery/feature-flags';
import type { Quote } from '@rookery/pricing';
import { ClusterCallError } from 'rookery';
import request from 'supertest';
import type { RecentCall } from '../../apps/landing/src/calls/recent-calls.js';
import { LiveUpdates, MAX_LIVE_STREAMS } from '../../apps/landing/src/live/live-updates.js';
import { member } from '../../libs/feature-flags/test/fake-cluster.js';
import { EventStream } from './support/event-stream.js';
import { eventually } from './support/eventually.js';
import { openStore } from './support/flag-store.js';
import { changed, runLanding, type RunningApp } from './support/running-app.js';
import { type TemporaryFolder, temporaryFolder } from './support/temporary-folder.js';

beforeAll(() => Logger.overrideLogger(false)); // warnings are expected here

let folder: TemporaryFolder;
let landing: RunningApp;
const streams: EventStream[] = [];

async function openStream(headers?: Record<string, string>): Promise<EventStream> {
  const stream = await EventStream.open(`${landing.url}/live`, headers);
  streams.push(stream);
  return stream;
}

beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(async () => {
  for (const stream of streams.splice(0)) stream.close();
  await landing.app.close();
  folder.remove();
});

describe('landing', () => {
  beforeEach(async () => {
    const { store, close } = openStore({ file: folder.file('flags.db') });
    await store.put('new-pricing', { enabled: true, description: 'three plans' }, 'test');
    await store.put('gone', { enabled: true }, 'test');
    await store.delete('gone', 'test');
    await close();
    landing = await runLanding({ file: folder.file('flags.db') });
  });

  it('renders the page from the flags in memory', async () => {
    const { text, headers } = await request(landing.url).get('/').expect(200);
    expect(text).toContain('Most offices');
    expect(text).toContain('Served by <b>self</b>');
    expect(text).not.toContain('may be out of date');
    expect(headers['content-type']).toBe('text/html; charset=utf-8');
    expect(headers['content-security-policy']).toContain("script-src 'self';");
    expect(headers['x-content-type-options']).toBe('nosniff');
    expect(headers).not.toHaveProperty('x-powered-by');
  });

  it('serves everything that the page asks for', async () => {
    const { text } = await request(landing.url).get('/');
    const urls = [...text.matchAll(/(?:href|src)="(\/assets\/[^"]+)"/g)].map(([, url]) => url!);
    expect(urls).toHaveLength(4);
    for (const url of urls) {
      const { headers } = await request(landing.url).get(url).expect(200);
      expect(headers['content-type']).toMatch(url.endsWith('.css') ? /^text\/css/ : /^text\/javascript/);
    }
    await request(landing.url).get('/assets/0/site.css').expect(404);
  });

  it.each([
    ['serve', 'memory', true],
    ['bypass', 'database', false],
  ] as const)('answers a read while the copy is stale as %s says: from the %s', async (whenStale, source, stale) => {
    await landing.app.close();
    landing = await runLanding({ file: folder.file('flags.db'), whenStale });
    landing.cluster.state = { fresh: false, reasons: ['unproven-peer: a test'] };
    const { body } = await request(landing.url).get('/flags/new-pricing/read').expect(200);
    expect(body).toMatchObject({ enabled: true, source, stale, flag: { version: 1 } });
  });

  it('shows the flags exactly as it holds them', async () => {
    const { body } = await request(landing.url).get('/flags').expect(200);
    expect(body).toEqual({
      flags: [
        { key: 'new-pricing', enabled: true, description: 'three plans', version: 1, updatedAt: expect.any(String) },
      ],
      stale: false,
      reasons: [],
      loadedAt: expect.any(String),
    });
    const one = await request(landing.url).get('/flags/new-pricing').expect(200);
    expect(one.body).toMatchObject({ flag: { version: 1 }, stale: false });
    await request(landing.url)
      .get('/flags/gone')
      .expect(404, /FLAGS_NOT_FOUND/);
    await request(landing.url).put('/flags/new-pricing').send({ enabled: false }).expect(404);
  });

  it('says on the page and in JSON that it may be out of date, and why', async () => {
    landing.cluster.state = { fresh: false, reasons: ['api-1 is silent'] };
    expect((await request(landing.url).get('/')).text).toContain('may be out of date');
    expect((await request(landing.url).get('/flags')).body).toMatchObject({
      stale: true,
      reasons: ['api-1 is silent'],
    });
    expect((await request(landing.url).get('/health').expect(200)).body).toMatchObject({
      status: 'ready',
      flags: { stale: true },
    });
  });

  it('reloads from the database after a gap, serving what it has meanwhile', async () => {
    const { store, close } = openStore({ file: folder.file('flags.db') });
    await store.put('new-pricing', { enabled: false }, 'test'); // and no event of it arrives
    await close();
    landing.flags.onGap({ from: member('api-1'), reason: 'window', missed: 1 });
    expect(landing.flags.status()).toMatchObject({ stale: true });
    expect(landing.flags.get('new-pricing')?.version).toBe(1);
    await eventually(() => landing.flags.get('new-pricing')?.version === 2);
    expect((await request(landing.url).get('/flags')).body).toMatchObject({ stale: false });
  });

  describe('what it asks of an api', () => {
    const quote: Quote = {
      people: 25,
      bags: { count: 4, cents: 9_600 },
      plan: { name: 'Team', cents: 8_900 },
      answeredBy: 'api-2',
    };
    const entry = (version: number): FlagHistoryEntry => ({
      key: 'new-pricing',
      version,
      enabled: true,
      deleted: false,
      at: '2030-01-01T00:00:00.000Z',
      by: 'api-1',
      answeredBy: 'api-2',
    });
    const recentCalls = async () =>
      ((await request(landing.url).get('/calls').expect(200)).body as { calls: RecentCall[] }).calls;

    it('is a price, which the page shows with who calculated it', async () => {
      const asked: unknown[] = [];
      landing.cluster.answers.set('pricing.quote', (data) => (asked.push(data), quote));
      const { text } = await request(landing.url).get('/').expect(200);
      expect(text).toContain('€89.00 a month: Team');
      expect(text).toMatch(/Calculated by <b>api-2<\/b> in [\d.]+ ms/);
      await request(landing.url)
        .get('/quote?people=60')
        .expect(200)
        .expect(/^<div id="quote"/);
      expect(asked).toEqual([{ people: 25 }, { people: 60 }]);
      expect(await recentCalls()).toEqual([
        {
          id: 2,
          at: expect.any(Number),
          pattern: 'pricing.quote',
          member: 'api-2',
          tookMs: expect.any(Number),
          error: null,
        },
        expect.objectContaining({ id: 1, member: 'api-2', error: null }),
      ]);
    });

    it('is not needed for the page: without an answer it has all else, and says so', async () => {
      const { text } = await request(landing.url).get('/').expect(200);
      expect(text).toContain('Most offices');
      expect(text).toContain('cannot be calculated now. None of our servers');
      landing.cluster.answers.set('pricing.quote', () => {
        throw new ClusterCallError('TIMEOUT', 'late', 'pricing.quote', member('api-1'));
      });
      const late = await request(landing.url).get('/').expect(200);
      expect(late.text).toContain('did not answer in time');
      expect(late.text).not.toContain('api-1');
      expect(await recentCalls()).toMatchObject([
        { member: 'api-1', error: 'TIMEOUT' },
        { member: null, error: 'NO_PEER' },
      ]);
    });

    it('is the history of a flag, which the visitor is sent as it comes', async () => {
      const asked: unknown[] = [];
      landing.cluster.answers.set('flags.history', async function* (data) {
        asked.push(data);
        yield entry(2);
        yield entry(1);
      });
      const { text, headers } = await request(landing.url).get('/flags/new-pricing/history?limit=5').expect(200);
      expect(headers['content-type']).toBe('text/html; charset=utf-8');
      expect(headers['content-security-policy']).toContain("default-src 'none'");
      expect(text).toMatch(/<td>2<\/td>[^]*<td>1<\/td>[^]*2 changes, the newest first, told by <b>api-2<\/b>/);
      expect(asked).toEqual([{ key: 'new-pricing', limit: 5 }]);
      expect(await recentCalls()).toMatchObject([{ pattern: 'flags.history', member: 'api-2', error: null }]);
    });

    it('is told from the middle on as far as it came, and with the right status where it did not come at all', async () => {
      landing.cluster.answers.set('flags.history', async function* () {
        yield entry(2);
        throw new ClusterCallError('PEER_LOST', 'gone', 'flags.history', member('api-2'));
      });
      const cut = await request(landing.url).get('/flags/new-pricing/history').expect(200);
      expect(cut.text).toMatch(/<td>2<\/td>[^]*Cut short[^]*api-2[^]*PEER_LOST/);
      landing.cluster.answers.delete('flags.history');
      await request(landing.url)
        .get('/flags/new-pricing/history')
        .expect(503)
        .expect(/Nobody told it[^]*NO_PEER/);
      landing.cluster.answers.set('flags.history', () => {
        const refusal = { code: 'FLAGS_INVALID_REQUEST', message: 'x', answeredBy: 'api-1' };
        throw new ClusterCallError('FAILED', 'x', 'flags.history', member('api-1'), refusal);
      });
      await request(landing.url)
        .get('/flags/No!/history')
        .expect(400)
        .expect(/api-1[^]*FLAGS_INVALID_REQUEST/);
      expect(await recentCalls()).toMatchObject([
        { member: 'api-1', error: 'FLAGS_INVALID_REQUEST' },
        { member: null, error: 'NO_PEER' },
        { member: 'api-2', error: 'PEER_LOST' },
      ]);
    });

    it('is not asked for any more when the visitor leaves, also while no row comes', async () => {
      let isOver = false;
      landing.cluster.answers.set('flags.history', async function* (_data, { signal } = {}) {
        yield entry(2);
        await once(signal!, 'abort');
        isOver = true;
      });
      const visit = new AbortController();
      const response = await fetch(`${landing.url}/flags/new-pricing/history`, { signal: visit.signal });
      await response.body!.getReader().read();
      expect(isOver).toBe(false);
      visit.abort();
      await eventually(() => isOver);
    });

    it('is not asked for any more when the visitor left before the first row', async () => {
      let begin = (): void => undefined;
      let isOver = false;
      const asked = new Promise<void>((heard) => {
        landing.cluster.answers.set('flags.history', async function* () {
          const begun = new Promise<void>((resolve) => (begin = resolve));
          heard();
          await begun;
          try {
            for (let version = 1_000_000; ; version--) yield entry(version);
          } finally {
            isOver = true;
          }
        });
      });
      const visit = new AbortController();
      const visited = fetch(`${landing.url}/flags/new-pricing/history`, { signal: visit.signal });
      await asked;
      visit.abort();
      await expect(visited).rejects.toThrow();
      const connections = () =>
        new Promise<number>((resolve) =>
          landing.app.getHttpServer().getConnections((_: unknown, count: number) => resolve(count)),
        );
      await eventually(async () => (await connections()) === 0);
      begin();
      await eventually(() => isOver);
    });

    it('is not asked for any more once the visitor has left', async () => {
      let isOver = false;
      landing.cluster.answers.set('flags.history', async function* () {
        try {
          for (let version = 1_000_000; ; version--) yield entry(version);
        } finally {
          isOver = true;
        }
      });
      const visit = new AbortController();
      const response = await fetch(`${landing.url}/flags/new-pricing/history`, { signal: visit.signal });
      await response.body!.getReader().read();
      visit.abort();
      await eventually(() => isOver);
      expect(await recentCalls()).toMatchObject([{ pattern: 'flags.history', member: 'api-2', error: null }]);
    });
  });

  describe('event stream', () => {
    it('begins with the current state of every part of the page', async () => {
      const stream = await openStream();
      expect(stream).toMatchObject({ status: 200, type: 'text/event-stream' });
      const first = await stream.heard(() => true);
      expect(first).toMatchObject({ id: expect.stringMatching(/^\d+$/), type: undefined });
      for (const id of ['theme', 'promo', 'pricing', 'start', 'freshness', 'served-by', 'flag-list']) {
        expect(first.data).toContain(`id="${id}" hx-swap-oob=`);
      }
      expect(first.data).toContain('Most offices');
    });

    it('sends what a change makes different, and nothing else', async () => {
      const stream = await openStream();
      await stream.heard(() => true);
      landing.flags.onFlagChanged(changed('promo-banner', 1));
      const { data, id } = await stream.heard(({ data }) => data.includes('Half price'), 1);
      expect(Number(id)).toBeGreaterThan(Number(stream.messages[0]?.id));
      expect(data).toContain('id="flag-list"');
      expect(data).not.toContain('id="pricing"');
    });

    it('begins with the current state again for a page that comes back', async () => {
      const before = await openStream();
      const { id } = await before.heard(() => true);
      before.close();
      landing.flags.onFlagChanged(changed('promo-banner', 1));
      const after = await openStream({ 'last-event-id': String(id) });
      const first = await after.heard(() => true);
      expect(first.data).toContain('Half price');
      expect(first.data).toContain('id="pricing"');
    });

    it('shows the mark of being out of date as it comes and goes, though nothing announces it', async () => {
      const stream = await openStream();
      await stream.heard(() => true);
      landing.cluster.state = { fresh: false, reasons: ['api-1 is silent'] };
      await stream.heard(({ data }) => data.includes('may be out of date'));
      landing.cluster.state = { fresh: true, reasons: [] };
      await stream.heard(({ data }) => data.includes('id="freshness"') && !data.includes('may be out of date'), 2);
    });

    it('sends many changes of one moment together', async () => {
      const stream = await openStream();
      await stream.heard(() => true);
      for (let version = 1; version <= 500; version++) landing.flags.onFlagChanged(changed('busy', version));
      await stream.heard(({ data }) => data.includes('<td>500</td>'));
      expect(stream.messages.length).toBeLessThan(10);
    });

    it('takes no more pages than its limit, refuses further ones by name, and forgets those that leave', async () => {
      const updates = landing.app.get(LiveUpdates, { strict: false });
      const subscriptions = Array.from({ length: MAX_LIVE_STREAMS - 1 }, () => updates.stream().subscribe());
      const last = await openStream();
      await last.heard(() => true);
      const { body } = await request(landing.url).get('/live').expect(503);
      expect(body).toMatchObject({ statusCode: 503, code: 'LIVE_STREAMS_FULL' });
      await request(landing.url).get('/').expect(200);

      last.close();
      await eventually(() => updates.size === MAX_LIVE_STREAMS - 1);
      await (await openStream()).heard(() => true);
      for (const subscription of subscriptions) subscription.unsubscribe();
      for (const stream of streams) stream.close();
      await eventually(() => updates.size === 0);
    });
  });
});

describe('landing without its database', () => {
  it('starts and serves, marked as out of date, until the api has made the database', async () => {
    const file = folder.file('not/yet/flags.db');
    landing = await runLanding({ file });
    expect((await request(landing.url).get('/').expect(200)).text).toContain('may be out of date');
    expect((await request(landing.url).get('/flags').expect(200)).body).toMatchObject({
      flags: [],
      stale: true,
      loadedAt: null,
    });
    await request(landing.url).get('/health').expect(200);

    landing.flags.onFlagChanged(changed('promo-banner', 1)); // events are good without a database, too
    expect((await request(landing.url).get('/')).text).toContain('Half price');

    const stream = await openStream();
    await stream.heard(({ data }) => data.includes('may be out of date'));
    const { store, close } = openStore({ file });
    await store.put('new-pricing', { enabled: true }, 'test');
    await close();
    await stream.heard(({ data }) => data.includes('Most offices'));
    expect((await request(landing.url).get('/flags')).body).toMatchObject({ stale: false });
  }, 20_000);
});
