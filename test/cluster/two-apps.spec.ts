/** Two applications in one process, on real sockets: what one says reaches the other, and closing says goodbye. */
import { type INestApplicationContext, Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { afterEach, describe, expect, it } from '@jest/globals';
import {
  Cluster,
  ClusterBroadcast,
  ClusterModule,
  type EventContext,
  type Gap,
  type MemberEvent,
  OnClusterEvent,
  OnClusterGap,
  OnMember,
  type PeerAddress,
  staticPeers,
} from 'rookery';

/** What an application heard, and a way to wait for a line of it. */
@Injectable()
class Diary {
  readonly lines: string[] = [];
  private readonly waiting = new Map<string, () => void>();

  write(line: string): void {
    this.lines.push(line);
    this.waiting.get(line)?.();
  }

  async has(line: string): Promise<void> {
    if (!this.lines.includes(line)) await new Promise<void>((resolve) => this.waiting.set(line, resolve));
  }
}

@Injectable()
class Thermostat {
  constructor(private readonly diary: Diary) {}

  @ClusterBroadcast('thermostat.set')
  set(celsius: number): number {
    return celsius;
  }

  @ClusterBroadcast('thermostat.set', { confirm: { timeoutMs: 5_000 } })
  async setEverywhere(celsius: number): Promise<number> {
    return Promise.resolve(celsius);
  }

  @OnClusterEvent('thermostat.*')
  on(celsius: number, { from, local }: EventContext): void {
    this.diary.write(`${from.name} set ${celsius}${local ? ' here' : ''}`);
  }

  @OnMember('up')
  onUp({ member }: MemberEvent): void {
    this.diary.write(`${member.name} is up`);
  }

  @OnMember('left')
  onLeft({ member }: MemberEvent): void {
    this.diary.write(`${member.name} left`);
  }

  @OnClusterGap()
  onGap({ from, reason }: Gap): void {
    this.diary.write(`gap ${from.name} ${reason}`);
  }
}

const running: INestApplicationContext[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((app) => app.close()));
});

async function startNode(name: string, peers: readonly PeerAddress[], port = 0): Promise<INestApplicationContext> {
  @Module({
    imports: [
      ClusterModule.forRoot({
        name,
        cookie: 'two-applications-in-one-process',
        listen: { host: '127.0.0.1', port },
        discovery: staticPeers(peers),
      }),
    ],
    providers: [Diary, Thermostat],
  })
  class NodeModule {}
  const app = await NestFactory.createApplicationContext(NodeModule, { logger: false, abortOnError: false });
  running.push(app);
  return app;
}

async function startPair(): Promise<[INestApplicationContext, INestApplicationContext]> {
  const first = await startNode('first', []);
  const second = await startNode('second', [first.get(Cluster).self.address]);
  await Promise.all([first.get(Diary).has('second is up'), second.get(Diary).has('first is up')]);
  return [first, second];
}

describe('two applications', () => {
  it('hear each other, in order, and themselves', async () => {
    const [first, second] = await startPair();

    for (const celsius of [18, 19, 20]) first.get(Thermostat).set(celsius);
    second.get(Thermostat).set(25);
    await Promise.all([second.get(Diary).has('first set 20'), first.get(Diary).has('second set 25')]);
    await Promise.all([first.get(Diary).has('first set 20 here'), second.get(Diary).has('second set 25 here')]);
    expect(second.get(Diary).lines.filter((line) => line.startsWith('first set'))).toEqual([
      'first set 18',
      'first set 19',
      'first set 20',
    ]);
    expect(first.get(Diary).lines.filter((line) => line.startsWith('gap'))).toEqual([]);
  });

  it('know when the other has handled it', async () => {
    const [first, second] = await startPair();

    await first.get(Thermostat).setEverywhere(21);
    expect(second.get(Diary).lines).toContain('first set 21');
  });

  it('have joined when the application has started', async () => {
    const first = await startNode('first', []);
    const second = await startNode('second', [first.get(Cluster).self.address]);

    expect(
      second
        .get(Cluster)
        .members('up')
        .map(({ name }) => name),
    ).toEqual(['first']);
  });

  it('say goodbye when closed, after everything they published', async () => {
    const [first, second] = await startPair();

    first.get(Thermostat).set(30);
    await first.close();
    await second.get(Diary).has('first left');
    expect(second.get(Diary).lines.slice(-2)).toEqual(['first set 30', 'first left']);
    expect(second.get(Cluster).members()).toEqual([]);
    expect(() => first.get(Cluster).publish('thermostat.set', 1)).toThrow(
      expect.objectContaining({ code: 'CLUSTER_LEFT' }),
    );
  });

  it('do not start on a port that is taken', async () => {
    const first = await startNode('first', []);

    await expect(startNode('second', [], first.get(Cluster).self.address.port)).rejects.toMatchObject({
      code: 'CLUSTER_LISTEN_FAILED',
    });
  });
});
