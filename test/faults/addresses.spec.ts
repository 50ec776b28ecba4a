/** Addresses at which nobody answers: they hold up neither the start nor the first link, and the doctor names the cause. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { afterEach, expect, it } from '@jest/globals';
import { COOKIE, wallMs } from '../processes/support/node-process.js';
import { describeWithNetworks, type Host, Network } from './support/network.js';
import { endAll, linkedWith, PORT, report, spawnOn, startOn, listed } from './support/nodes.js';

const DOCTOR = join(process.cwd(), 'dist/rookery/node/src/cli/main.js');

afterEach(endAll);

async function hosts(network: Network, count: number): Promise<Host[]> {
  const made: Host[] = [];
  for (let i = 0; i < count; i++) made.push(await network.host());
  return made;
}

describeWithNetworks('five dead addresses before the one that lives', () => {
  it('hold up neither the start nor the first link', async () => {
    const network = await Network.start();
    const [seeker, living, ...dead] = (await hosts(network, 7)) as [Host, Host, ...Host[]];
    await startOn(living, 'living', [living]);
    await network.blackhole(seeker, dead);
    const node = await spawnOn(seeker, 'seeker');
    const since = wallMs();
    await node.open(listed(...dead, living), { listen: { host: seeker.address, port: PORT } });
    const { at } = await node.event('member.up', 'living');
    report(
      `five dead addresses: ready after ${Math.round(node.readyAt - since)} ms, linked after ${Math.round(at - since)} ms`,
    );
    // All of it includes the derivation of the keys. A dead address is given up after 2 s: nobody waited for that.
    expect(at - since).toBeLessThan(1_000);
    const outcomes = async (): Promise<string[]> =>
      (await node.ask<{ discovery: { address: string; outcome: string }[] }>('stats')).discovery
        .filter(({ address }) => !address.startsWith(`${living.address}:`))
        .map(({ outcome }) => outcome);
    await node.until(async () => (await outcomes()).join() === dead.map(() => 'timeout').join(), 'five time-outs');
    await linkedWith(node, 1);
  }, 60_000);
});

describeWithNetworks('the doctor behind a firewall', () => {
  it('names it, for the address that it hides alone', async () => {
    const network = await Network.start();
    const [looker, hidden, open] = (await hosts(network, 3)) as [Host, Host, Host];
    await startOn(hidden, 'hidden', [hidden, open]);
    await startOn(open, 'open', [hidden, open]);
    await network.blackhole(looker, hidden);
    const peers = [hidden, open].map(({ address }) => `${address}:${PORT}`).join();
    const { code, stdout } = await doctor(looker, '--peers', peers);
    report(stdout);
    expect(code).toBe(1);
    expect(stdout).toMatch(new RegExp(`ok +${open.address}:${PORT} +open answers`));
    expect(stdout).toMatch(
      new RegExp(
        `problem +${hidden.address}:${PORT} +timeout .*\\n +The host does not answer: a firewall or a network policy`,
      ),
    );
    expect(stdout).toContain('1 of 2 other addresses answer');
  }, 60_000);
});

/** Runs the doctor in a host. */
function doctor(host: Host, ...args: string[]): Promise<{ code: number; stdout: string }> {
  const { execPath, execArgv, script } = host.launch(DOCTOR);
  const env = { ...process.env, CLUSTER_COOKIE: COOKIE };
  return new Promise((resolve, reject) => {
    execFile(execPath, [...execArgv, script, 'doctor', ...args], { env }, (error, stdout, stderr) => {
      if (error !== null && typeof error.code !== 'number') reject(new Error(error.message));
      else resolve({ code: Number(error?.code ?? 0), stdout: stdout + stderr });
    });
  });
}
