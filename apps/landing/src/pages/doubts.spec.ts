import { describe, expect, it } from '@jest/globals';
import { doubtsOf } from './doubts.js';

describe('doubtsOf', () => {
  it('has a sentence for each kind of reason, each once', () => {
    expect(doubtsOf(['gap: api-1', 'gap: api-2', 'handler-lag: Flags is 7.0 s behind'])).toEqual([
      'A change may have passed us by. Everything is being loaded again.',
      'Changes have arrived that are still being worked on.',
    ]);
    expect(doubtsOf([])).toEqual([]);
  });

  it('passes on nothing of the reasons themselves', () => {
    const reasons = [
      'unproven-peer: api-1 (10.0.0.1:4370, suspect) was last proven caught up 9.1 s ago',
      'unreached-address: 10.0.0.9:4370, listed by dns, was not reached for 4.0 s (timeout).',
      'load-failed: The flags database db.internal/flags is not available',
      'something new: secret.internal',
      '10.0.0.7',
      'constructor: x',
    ];
    const said = doubtsOf(reasons).join(' ');
    expect(said).not.toMatch(/api-1|10\.0|internal|\d|constructor/);
    expect(doubtsOf(['something new: x'])).toEqual(['Something may have changed that this page does not show yet.']);
  });
});
