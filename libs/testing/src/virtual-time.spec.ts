import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { PHASE_CHECK, PHASE_POLL, PHASE_TIMERS, VirtualProcess, VirtualTime } from './virtual-time.js';

let time: VirtualTime;
let process: VirtualProcess;
let told: unknown[];
const tell = (what: unknown) => (): void => void told.push(what);

beforeEach(() => {
  time = new VirtualTime();
  process = new VirtualProcess(time, 500);
  told = [];
});
afterEach(() => time.close());

describe('virtual time', () => {
  it('runs what is due in order of time, then phase, then planning, and stops where it was told to', async () => {
    time.plan(2, PHASE_TIMERS, process, tell('later'));
    time.plan(1, PHASE_CHECK, process, tell('check'));
    time.plan(1, PHASE_POLL, process, tell('poll'));
    time.plan(1, PHASE_TIMERS, process, tell('timer'));
    time.plan(1, PHASE_TIMERS, process, tell('second timer'));
    time.plan(9, PHASE_TIMERS, process, tell('not yet'));
    await time.run(5);
    expect(told).toEqual(['timer', 'second timer', 'poll', 'check', 'later']);
    expect(time.now).toBe(5);
    await time.run(9);
    expect(told.at(-1)).toBe('not yet');
  });

  it('keeps the order of thousands of events', async () => {
    const due: number[] = [];
    for (let i = 0; i < 3_000; i++) {
      const at = (i * 7_919) % 1_009;
      time.plan(at, PHASE_TIMERS, undefined, () => due.push(at));
    }
    await time.run(2_000);
    expect(due).toHaveLength(3_000);
    expect(due).toEqual([...due].sort((a, b) => a - b));
  });

  it('never runs what was cancelled, and cancelling is harmless afterwards', async () => {
    const timers = [process.after(1, tell('cancelled')), process.after(1, tell('run'))];
    timers[0]!.cancel();
    expect(process.timers).toBe(1);
    await time.run(5);
    for (const timer of timers) timer.cancel();
    expect(told).toEqual(['run']);
    expect(process.timers).toBe(0);
  });

  it('cancels what is due at the same moment, from what runs before it', async () => {
    process.after(1, () => timer.cancel());
    const timer = process.after(1, tell('never'));
    await time.run(5);
    expect(told).toEqual([]);
  });

  it('lets all microtasks run between two events, and what they put off to the end of the turn', async () => {
    process.after(1, () => {
      process.endOfTurn(tell('end of turn'));
      void Promise.resolve()
        .then(tell('microtask'))
        .then(() => process.endOfTurn(tell('end of the microtask')))
        .then(() => void process.after(1, tell('timer of a microtask')));
      told.push('event');
    });
    process.after(1.5, tell('next event'));
    await time.run(5);
    expect(told).toEqual([
      'event',
      'end of turn',
      'microtask',
      'end of the microtask',
      'next event',
      'timer of a microtask',
    ]);
  });

  it('tells whoever watches of each process to which something happened, when all of it has', async () => {
    const other = new VirtualProcess(time);
    process.after(1, () => void Promise.resolve().then(tell('done')));
    time.plan(2, PHASE_POLL, undefined, () => time.enter(other, tell('entered')));
    time.plan(3, PHASE_POLL, undefined, tell('nobody'));
    const seen: unknown[] = [];
    await time.run(5, (each) => seen.push([each, told.at(-1)]));
    expect(seen).toEqual([
      [process, 'done'],
      [other, 'entered'],
      [undefined, 'nobody'],
    ]);
  });

  it('ends a turn that never ends', async () => {
    const again = (): void => process.endOfTurn(again);
    process.after(1, again);
    await expect(time.run(5)).rejects.toThrow('does not end');
  });
});

describe('a simulated process', () => {
  it('has a clock of its own, and timers of a millisecond at least', async () => {
    expect(process.now()).toBe(500);
    process.after(0, () => told.push(process.now()));
    process.wallOffsetMs = 1_000;
    await time.run(3);
    expect(told).toEqual([501]);
    expect(process.now()).toBe(503);
    expect(process.wallNow() - new VirtualProcess(time).wallNow()).toBe(1_000);
  });

  it('that was paused does all that has gathered, timers first, then what arrived, then what was put off behind it', async () => {
    process.pause(100);
    time.plan(20, PHASE_POLL, process, tell('arrived at 20'));
    time.plan(10, PHASE_CHECK, process, tell('check at 10'));
    process.after(40, tell('timer at 40'));
    process.after(30, tell('timer at 30'));
    time.plan(15, PHASE_POLL, process, tell('arrived at 15'));
    await time.run(99);
    expect(told).toEqual([]);
    await time.run(100);
    expect(told).toEqual(['timer at 30', 'timer at 40', 'arrived at 15', 'arrived at 20', 'check at 10']);
  });

  it('reads what waits before it judges: what a timer puts off behind a poll comes after it', async () => {
    process.pause(100);
    process.after(50, () => {
      told.push('timer');
      process.afterPoll(tell('verdict'));
    });
    time.plan(60, PHASE_POLL, process, tell('heartbeat'));
    await time.run(100);
    expect(told).toEqual(['timer', 'heartbeat', 'verdict']);
  });

  it('is stopped alone: others go on meanwhile, and a shorter pause does not wake it', async () => {
    const other = new VirtualProcess(time);
    process.pause(100);
    process.pause(10);
    process.after(1, tell('stopped'));
    other.after(1, tell('other'));
    await time.run(99);
    expect(told).toEqual(['other']);
  });

  it('that is entered while it is paused does that when it wakes', async () => {
    process.pause(100);
    time.plan(1, PHASE_POLL, undefined, () => time.enter(process, () => told.push(time.now)));
    await time.run(200);
    expect(told).toEqual([100]);
  });

  it('does nothing more once it is dead', async () => {
    process.after(5, tell('timer'));
    process.after(1, () => {
      process.endOfTurn(tell('end of turn'));
      process.die();
    });
    time.plan(2, PHASE_POLL, undefined, () => time.enter(process, tell('entered')));
    await time.run(10);
    expect(told).toEqual([]);
  });
});
