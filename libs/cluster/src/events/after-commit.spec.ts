import { describe, expect, it } from '@jest/globals';
import { afterCommit, CommitScope, runCommitted } from './after-commit.js';

const failure = new Error('rolled back');

function noted(): { readonly steps: string[]; note: (step: string) => void } {
  const steps: string[] = [];
  return { steps, note: (step) => void afterCommit(() => steps.push(step)) };
}

describe('afterCommit', () => {
  it('acts at once outside of a scope, and hands back what the action returns', () => {
    expect(afterCommit(() => 7)).toBe(7);
  });

  it('waits for the end of the scope, and keeps the order', async () => {
    const { steps, note } = noted();
    const result = await CommitScope.run(async () => {
      note('a');
      await Promise.resolve();
      note('b');
      steps.push('work');
      return 'result';
    });

    expect(result).toBe('result');
    expect(steps).toEqual(['work', 'a', 'b']);
  });

  it('never acts when the scope fails', async () => {
    const { steps, note } = noted();
    const work = CommitScope.run(() => {
      note('a');
      throw failure;
    });

    await expect(work).rejects.toBe(failure);
    expect(steps).toEqual([]);
  });
});

describe('scopes', () => {
  it('act after the outermost', async () => {
    const { steps, note } = noted();
    await CommitScope.run(async () => {
      note('outer');
      await CommitScope.run(() => note('inner'));
      steps.push('inner is done');
    });

    expect(steps).toEqual(['inner is done', 'outer', 'inner']);
  });

  it('drop only what failed inside, when the outer one goes on', async () => {
    const { steps, note } = noted();
    await CommitScope.run(async () => {
      await expect(
        CommitScope.run(() => {
          note('inner');
          throw failure;
        }),
      ).rejects.toBe(failure);
      note('outer');
    });

    expect(steps).toEqual(['outer']);
  });

  it('beside each other do not mix', async () => {
    const { steps, note } = noted();
    let go: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (go = resolve));
    const failing = CommitScope.run(async () => {
      note('failing');
      await gate;
      throw failure;
    });
    await CommitScope.run(() => note('succeeding'));
    go();

    await expect(failing).rejects.toBe(failure);
    expect(steps).toEqual(['succeeding']);
  });

  it('leave what outlives them to the scope around, or to itself', async () => {
    const { steps, note } = noted();
    let go: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (go = resolve));
    let straggler: Promise<void> = Promise.resolve();
    await CommitScope.run(async () => {
      await CommitScope.run(() => {
        straggler = gate.then(() => note('straggler'));
      });
      go();
      await straggler;
      steps.push('outer still open');
    });
    expect(steps).toEqual(['outer still open', 'straggler']);

    await CommitScope.run(() => {
      straggler = Promise.resolve().then(async () => {
        await new Promise(setImmediate);
        note('late');
      });
    });
    await straggler;
    expect(steps.at(-1)).toBe('late');
  });
});

describe('runCommitted', () => {
  it('runs every action, and tells afterwards that some failed', async () => {
    const ran: number[] = [];
    const first = new Error('first');
    const work = runCommitted([
      () => ran.push(1),
      () => {
        throw first;
      },
      () => Promise.reject(new Error('second')),
      () => ran.push(4),
    ]);

    await expect(work).rejects.toMatchObject({
      code: 'CLUSTER_AFTER_COMMIT',
      message: expect.stringContaining('2 of 4'),
      cause: expect.objectContaining({ errors: [first, expect.any(Error)] }),
    });
    expect(ran).toEqual([1, 4]);
  });

  it('starts all of them in the turn of the call', () => {
    const ran: number[] = [];
    void runCommitted([() => ran.push(1), () => Promise.resolve(), () => ran.push(2)]);
    expect(ran).toEqual([1, 2]);
  });
});
