import { Logger } from '@nestjs/common';
import { afterEach, beforeEach, expect, it, jest } from '@jest/globals';
import { lastValueFrom } from 'rxjs';
import { Emission } from './emission.js';

let logged: jest.SpiedFunction<Logger['error']>;
beforeEach(() => {
  logged = jest.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
});
afterEach(() => {
  jest.restoreAllMocks();
});

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

it('completes for those that come before and after', async () => {
  const emission = new Emission();
  const early = lastValueFrom(emission.result);
  emission.succeed();
  expect([await early, await lastValueFrom(emission.result)]).toEqual([undefined, undefined]);
});

it('fails for whoever subscribes, within the turn or before, and is not logged then', async () => {
  const early = new Emission();
  const heard = lastValueFrom(early.result).catch((reason: unknown) => reason);
  early.fail('early');
  const late = new Emission();
  late.fail('late');
  const within = lastValueFrom(late.result).catch((reason: unknown) => reason);
  expect([await heard, await within]).toEqual(['early', 'late']);
  await settled();
  expect(logged).not.toHaveBeenCalled();
});

it('is logged, with what happened and not with what the caller would have been told, where nobody hears of it', async () => {
  const emission = new Emission();
  emission.fail({ secret: 1 }, new Error('Nobody serves it.'));
  await settled();
  expect(logged).toHaveBeenCalledTimes(1);
  expect(logged.mock.calls[0]![0]).toMatch(/not emitted.*Nobody serves it/);
  expect(logged.mock.calls[0]![0]).not.toContain('secret');
});
