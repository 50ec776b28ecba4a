import { expect, it } from '@jest/globals';
import { CommitLedger } from './commit-ledger.js';

function ledgerWith(...steps: string[]): { readonly ledger: CommitLedger; readonly done: string[] } {
  const ledger = new CommitLedger();
  const done: string[] = [];
  for (const step of steps) {
    if (step === 'begin') ledger.begin();
    else if (step === 'commit') void ledger.commit(false);
    else if (step === 'rollback') ledger.rollback(false);
    else ledger.current(undefined).hold(() => done.push(step));
  }
  return { ledger, done };
}

it('is open from the first begin to the outermost end', () => {
  const { ledger } = ledgerWith();
  expect(ledger.isOpen).toBe(false);
  ledger.begin();
  expect(ledger.isOpen).toBe(true);
  void ledger.commit(true);
  expect(ledger.isOpen).toBe(false);
});

it('lets everything happen at the outermost commit, in order', () => {
  const { ledger, done } = ledgerWith('begin', 'a', 'begin', 'b', 'commit', 'c');
  expect(done).toEqual([]);
  void ledger.commit(true);
  expect(done).toEqual(['a', 'b', 'c']);
});

it('forgets what a rolled back savepoint holds', () => {
  const { ledger, done } = ledgerWith('begin', 'a', 'begin', 'b', 'begin', 'c', 'commit', 'rollback', 'd');
  void ledger.commit(true);
  expect(done).toEqual(['a', 'd']);
});

it('forgets everything at the outermost rollback, even when ends were missed', async () => {
  const { ledger, done } = ledgerWith('begin', 'a', 'begin', 'b');
  ledger.rollback(true);
  expect(ledger.isOpen).toBe(false);
  await ledger.commit(true);
  expect(done).toEqual([]);
});

it('has nothing to wait for when nothing was held', () => {
  const { ledger } = ledgerWith('begin');
  expect(ledger.commit(true)).toBeUndefined();
});

it('keeps what a savepoint holds when the begin of its transaction was missed', () => {
  const { ledger, done } = ledgerWith('begin', 'a', 'commit');
  expect(done).toEqual([]);
  void ledger.commit(true);
  expect(done).toEqual(['a']);
});

it('hands on what comes when the transaction is over, whoever uses the connection then', () => {
  const { ledger } = ledgerWith('begin');
  const outer: string[] = [];
  let isOuterOpen = true;
  const hold = ledger.current({
    get isOpen() {
      return isOuterOpen;
    },
    hold: () => outer.push('held'),
  });
  void ledger.commit(true);
  ledger.begin();

  expect(hold.isOpen).toBe(true);
  hold.hold(() => undefined);
  ledger.rollback(true);
  expect(outer).toEqual(['held']);
  isOuterOpen = false;
  expect(hold.isOpen).toBe(false);
});
