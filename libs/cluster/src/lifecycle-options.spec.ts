import { describe, expect, it } from '@jest/globals';
import { readLifecycleOptions } from './lifecycle-options.js';

describe('readLifecycleOptions', () => {
  it('takes options that say nothing about it', () => {
    const { resolved, problems } = readLifecycleOptions({ cluster: 'app', limits: {} });
    expect(resolved).toEqual({ drainDelayMs: 0 });
    expect(problems).toEqual([]);
  });

  it.each([0, 1, 5_000, 600_000])('takes %p ms', (drainDelayMs) => {
    expect(readLifecycleOptions({ drainDelayMs })).toMatchObject({ resolved: { drainDelayMs }, problems: [] });
  });

  it.each([-1, 0.5, 600_001, Number.NaN, Number.POSITIVE_INFINITY, '5000', null])('refuses %p', (drainDelayMs) => {
    const { resolved, problems } = readLifecycleOptions({ drainDelayMs });
    expect(problems).toEqual(['drainDelayMs: must be a whole number of milliseconds from 0 to 600000.']);
    expect(resolved).toEqual({ drainDelayMs: 0 });
  });

  it.each(['drainDelay', 'drainDelayMS', 'drainDealyMs', 'drain'])('says what %s was meant to be', (key) => {
    const { problems, keys } = readLifecycleOptions({ [key]: 5_000 });
    expect(problems).toEqual([`${key}: unknown option. Did you mean 'drainDelayMs'?`]);
    expect(keys).toContain(key);
  });

  it('leaves the options of the node to the node', () => {
    const node = ['cluster', 'name', 'cookie', 'listen', 'advertise', 'discovery', 'metadata', 'limits', 'logger'];
    const { keys, problems } = readLifecycleOptions(Object.fromEntries(node.map((name) => [name, undefined])));
    expect(problems).toEqual([]);
    expect(keys).toEqual(['drainDelayMs']);
  });

  it('reads a getter of a class', () => {
    class Settings {
      get drainDelayMs(): number {
        return 7;
      }
    }
    expect(readLifecycleOptions(new Settings()).resolved).toEqual({ drainDelayMs: 7 });
  });

  it.each([undefined, null, 'text', 7])('finds nothing in %p', (options) => {
    expect(readLifecycleOptions(options)).toMatchObject({ resolved: { drainDelayMs: 0 }, problems: [] });
  });
});
