/** Saying goodbye where somebody does not listen: a stopped peer holds nobody up, and who is cut off hears of it from others. */
import { afterEach, describe, expect, it } from '@jest/globals';
import { CutProxy } from './support/cut-proxy.js';
import { freePort, joined, NodeProcess, seed, wallMs } from './support/node-process.js';

const proxies: CutProxy[] = [];
afterEach(async () => {
  await NodeProcess.endAll();
  for (const proxy of proxies.splice(0)) proxy.close();
});

/** The link between `cut` and `leaver` leads through a proxy, whoever dialled; ten messages have passed. */
async function threeOfWhomTwoAreBehindProxies(): Promise<Record<'third' | 'cut' | 'leaver', NodeProcess>> {
  const port = await freePort();
  const behindProxy = async (name: string): Promise<NodeProcess> => {
    const proxy = await CutProxy.start(await freePort());
    proxies.push(proxy);
    return NodeProcess.start(name, seed(port), {
      listen: { host: '127.0.0.1', port: proxy.targetPort },
      advertise: { host: '127.0.0.1', port: proxy.port },
    });
  };
  const third = await NodeProcess.start('third', seed(port), { listen: { host: '127.0.0.1', port } });
  const [cut, leaver] = [await behindProxy('cut'), await behindProxy('leaver')];
  await joined([third, cut, leaver]);
  await leaver.ask('burst', { stream: 's', count: 10, bytes: 0, isPaced: false });
  await cut.reached(leaver, 's', 10);
  return { third, cut, leaver };
}

const cutOff = (): void => {
  for (const proxy of proxies) proxy.block();
};

describe('a node that leaves', () => {
  it('while a peer is stopped ends within 10 s; the others have everything at once, the peer when it goes on', async () => {
    const port = await freePort();
    const awake = await NodeProcess.start('awake', seed(port), { listen: { host: '127.0.0.1', port } });
    const stopped = await NodeProcess.start('stopped', seed(port));
    const leaver = await NodeProcess.start('leaver', seed(port));
    await joined([awake, stopped, leaver]);
    stopped.signal('SIGSTOP');
    await leaver.ask('burst', { stream: 'last', count: 500, bytes: 100, isPaced: false });
    const toldAt = wallMs();
    leaver.signal('SIGTERM');
    expect(await leaver.ended(10_000)).toBe(0);
    const tookMs = wallMs() - toldAt;
    await awake.event('member.left', 'leaver');
    expect(await awake.stream(leaver, 'last')).toMatchObject({ count: 500, missed: 0 });
    stopped.signal('SIGCONT');
    await stopped.event('member.left', 'leaver');
    process.stdout.write(`SIGTERM beside a stopped peer: the process ended after ${tookMs.toFixed(0)} ms\n`);
    // What the kernel had taken for it is still there.
    expect(await stopped.stream(leaver, 'last')).toMatchObject({ count: 500, missed: 0 });
    for (const node of [awake, stopped]) {
      expect(node.ofKind('gap')).toEqual([]);
      expect(node.ofKind('member.lost')).toEqual([]);
    }
  });

  it('with more to say than a stopped peer takes ends within 10 s, and the peer is told what is missing', async () => {
    const port = await freePort();
    const stopped = await NodeProcess.start('stopped', seed(port), { listen: { host: '127.0.0.1', port } });
    const leaver = await NodeProcess.start('leaver', seed(port));
    await joined([stopped, leaver]);
    stopped.signal('SIGSTOP');
    const count = 12_000;
    await leaver.ask('burst', { stream: 'last', count, bytes: 1024, isPaced: false });
    const toldAt = wallMs();
    leaver.signal('SIGTERM');
    expect(await leaver.ended(10_000)).toBe(0);
    const tookMs = wallMs() - toldAt;
    stopped.signal('SIGCONT');
    await stopped.until(
      () => stopped.ofKind('member.left').length + stopped.ofKind('member.lost').length === 1,
      'the end of it',
    );
    const heard = (await stopped.stream(leaver, 'last'))?.count ?? 0;
    const gaps = stopped.ofKind('gap').map(({ reason, missed }) => [reason, missed]);
    process.stdout.write(
      `SIGTERM with 12 MB for a stopped peer: the process ended after ${tookMs.toFixed(0)} ms; ` +
        `${heard} of ${count} were heard, gaps ${JSON.stringify(gaps)}\n`,
    );
    // The rest, as one gap: counted if the goodbye itself got through, of unknown size if the link was cut before it.
    if (heard < count) expect(gaps).toHaveLength(1);
    for (const [reason, missed] of gaps) {
      if (reason === 'left-behind') expect(missed ?? count - heard).toBe(count - heard);
      else expect(reason).toBe('origin-lost');
    }
    expect((await stopped.heard()).anomalies).toEqual([]);
  });

  it('is gone also for one that is cut off from it, who hears so from a third, behind all that this one carried', async () => {
    const { third, cut, leaver } = await threeOfWhomTwoAreBehindProxies();
    cutOff();
    await cut.event('member.suspect', 'leaver');
    await leaver.event('member.suspect', 'cut');
    await leaver.ask('burst', { stream: 's', first: 11, count: 5, bytes: 0, isPaced: false });
    await third.reached(leaver, 's', 15);
    expect(await leaver.end('SIGTERM')).toBe(0);

    const left = await cut.event('member.left', 'leaver');
    const atThird = await third.event('member.left', 'leaver');
    process.stdout.write(
      `cut off from a leaver: heard of the goodbye ${(left.at - atThird.at).toFixed(1)} ms after a third did\n`,
    );
    expect(left.reason).toMatch(/goodbye, heard by third/);
    expect(cut.journal().filter((line) => line.split(' ')[1] === 'leaver')).toEqual([
      'member.up leaver',
      'member.suspect leaver',
      'member.left leaver',
    ]);
    expect(await cut.stream(leaver, 's')).toMatchObject({ count: 15, missed: 0 });
    expect(third.ofKind('gap')).toEqual([]);
    expect(await third.stream(leaver, 's')).toMatchObject({ count: 15, missed: 0 });
    for (const node of [third, cut]) expect((await node.heard()).anomalies).toEqual([]);
  });

  it('is gone without a gap for one that is cut off and has all of it', async () => {
    const { cut, leaver } = await threeOfWhomTwoAreBehindProxies();
    cutOff();
    await cut.event('member.suspect', 'leaver');
    expect(await leaver.end('SIGTERM')).toBe(0);
    await cut.event('member.left', 'leaver');
    expect(cut.ofKind('gap')).toEqual([]);
  });
});
