import { describe, expect, it } from '@jest/globals';
import { ANSWER_LIFETIME_MS, MAX_TABLE_ENTRIES, MISSED_QUESTIONS, MulticastTable } from './multicast-table.js';

const PATIENCE_MS = 15_000;
const here = { host: '10.0.0.1', port: 4370 };

function asked(nonce = 'n1', now = 0): MulticastTable {
  const table = new MulticastTable(PATIENCE_MS);
  table.ask(nonce, now);
  return table;
}

describe('MulticastTable', () => {
  it('lists whoever answers a question that is open, and tells whether that is news', () => {
    const table = asked();
    expect(table.answer('a', 'n1', here, 10)).toBe('new');
    expect(table.knows('a')).toBe(true);
    table.ask('n2', 5_000);
    expect(table.answer('a', 'n2', here, 5_010)).toBe('known');
    table.ask('n3', 10_000);
    expect(table.answer('a', 'n3', { ...here, host: '10.0.0.2' }, 10_010)).toBe('new');
    expect(table.list(10_020)).toEqual([{ host: '10.0.0.2', port: 4370 }]);
  });

  it('passes over an answer that nobody asked for, that is late, and that is a copy', () => {
    const table = asked();
    expect(table.answer('a', 'n0', here, 10)).toBe('unasked');
    expect(table.answer('a', 'n1', here, ANSWER_LIFETIME_MS + 1)).toBe('unasked');
    expect(table.list(10)).toEqual([]);
    expect(table.answer('a', 'n1', here, 10)).toBe('new');
    expect(table.answer('a', 'n1', { host: '10.6.6.6', port: 1 }, 20)).toBe('unasked');
    expect(table.list(30)).toEqual([here]);
  });

  it('has few questions open at a time', () => {
    const table = asked();
    for (let i = 2; i <= 5; i++) table.ask(`n${i}`, 0);
    expect(table.answer('a', 'n1', here, 1)).toBe('unasked');
    expect(table.answer('a', 'n2', here, 1)).toBe('new');
  });

  it('forgets whoever missed three questions', () => {
    const table = asked();
    table.answer('a', 'n1', here, 10);
    let now = 0;
    for (let i = 0; i <= MISSED_QUESTIONS; i++) {
      expect(table.list(now)).toEqual([here]);
      table.ask(`m${i}`, (now += 5_000));
    }
    expect(table.list(now)).toEqual([]);
    expect(table.knows('a')).toBe(false);
  });

  it('forgets nobody for many questions in a short time, nor for a long time without questions', () => {
    const table = asked();
    table.answer('a', 'n1', here, 10);
    for (let i = 0; i < 50; i++) table.ask(`m${i}`, 20 * i);
    expect(table.list(1_000)).toEqual([here]);
    const paused = asked();
    paused.answer('a', 'n1', here, 10);
    paused.ask('n2', 3_600_000);
    expect(paused.list(3_600_000)).toEqual([here]);
  });

  it('does not count a question that was not sent', () => {
    const table = asked();
    table.answer('a', 'n1', here, 10);
    for (let i = 0; i < 10; i++) {
      table.ask(`m${i}`, 5_000 * i);
      table.revoke(`m${i}`);
    }
    table.revoke('never asked');
    table.ask('n2', 60_000);
    expect(table.list(60_000)).toEqual([here]);
  });

  it('removes whoever says goodbye, also if an answer comes behind', () => {
    const table = asked();
    table.answer('a', 'n1', here, 10);
    expect(table.depart('a')).toBe(true);
    expect(table.depart('a')).toBe(false);
    expect(table.list(20)).toEqual([]);
    table.ask('n2', 30);
    expect(table.answer('a', 'n2', here, 40)).toBe('unasked');
    expect(table.knows('a')).toBe(true);
  });

  it('has a bound, and says that it is reached until there is room', () => {
    const table = asked();
    for (let i = 0; i < MAX_TABLE_ENTRIES; i++)
      table.answer(`p${i}`, 'n1', { host: `10.0.${i >> 8}.${i & 255}`, port: 1 }, 1);
    expect(table.answer('one more', 'n1', here, 1)).toBe('full');
    expect(table.list(2)).toHaveLength(MAX_TABLE_ENTRIES);
    expect(table.isOverfull).toBe(true);
    table.depart('p7');
    expect(table.answer('one more', 'n1', here, 3)).toBe('new');
    table.depart('p8');
    table.list(4);
    expect(table.isOverfull).toBe(false);
  });
});
