import { describe, expect, it } from '@jest/globals';
import { type Evidence, reasonForLoss } from './evidence.js';

const NONE: Evidence = {
  aloneSince: 0,
  refusals: 0,
  firstRefusedAt: 0,
  lastRefusedAt: 0,
  acceptedOurDial: false,
  isOnThisHost: false,
  successor: undefined,
  leadsToUs: false,
  isHeardByOthers: false,
  absentAnswers: 0,
  failedDials: 0,
};

describe('evidence of a loss', () => {
  it('is not silence, nor any number of dials without an answer', () => {
    expect(reasonForLoss({ ...NONE, failedDials: 100 }, 9 * 60_000)).toBeUndefined();
  });

  it('is one refusal on this very host', () => {
    expect(reasonForLoss({ ...NONE, refusals: 1, isOnThisHost: true, isHeardByOthers: true }, 1)).toMatch(/this host/);
  });

  it('is two refusals half a second apart where it once accepted our dial, unless others hear it', () => {
    const refused = { ...NONE, refusals: 2, firstRefusedAt: 1_000, lastRefusedAt: 1_500, acceptedOurDial: true };
    expect(reasonForLoss(refused, 2_000)).toMatch(/refuses/);
    expect(reasonForLoss({ ...refused, lastRefusedAt: 1_499 }, 2_000)).toBeUndefined();
    expect(reasonForLoss({ ...refused, refusals: 1 }, 2_000)).toBeUndefined();
    expect(reasonForLoss({ ...refused, acceptedOurDial: false }, 2_000)).toBeUndefined();
    expect(reasonForLoss({ ...refused, isHeardByOthers: true }, 2_000)).toBeUndefined();
  });

  it('is another incarnation at its address, whatever others hear', () => {
    expect(reasonForLoss({ ...NONE, successor: 'b (10.0.0.2:4370)', isHeardByOthers: true }, 1)).toMatch(
      /listens at its/,
    );
  });

  it('is that a dial of its address leads back to this process, unless others hear it', () => {
    expect(reasonForLoss({ ...NONE, leadsToUs: true }, 1)).toMatch(/this node listens/);
    expect(reasonForLoss({ ...NONE, leadsToUs: true, isHeardByOthers: true }, 1)).toBeUndefined();
  });

  it('is absence from two answers of discovery, if it cannot be reached either', () => {
    const absent = { ...NONE, absentAnswers: 2, failedDials: 1 };
    expect(reasonForLoss(absent, 1)).toMatch(/discovery/);
    expect(reasonForLoss({ ...absent, absentAnswers: 1 }, 1)).toBeUndefined();
    expect(reasonForLoss({ ...absent, failedDials: 0 }, 1)).toBeUndefined();
    expect(reasonForLoss({ ...absent, isHeardByOthers: true }, 1)).toBeUndefined();
  });

  it('is ten minutes without a word, as the last resort', () => {
    expect(reasonForLoss({ ...NONE, aloneSince: 1_000 }, 601_000)).toMatch(/10 minutes/);
    expect(reasonForLoss({ ...NONE, aloneSince: 1_000 }, 600_999)).toBeUndefined();
  });
});
