import { describe, expect, it } from '@jest/globals';
import { createHmac } from 'node:crypto';
import { decodeLease, encodeLease, isIncarnation, leaseKeys, type LeaseSeal, MAX_LEASE_LENGTH } from './lease.js';

const sealOf = (key: string): LeaseSeal => {
  const sign = (message: Uint8Array): Buffer => createHmac('sha256', key).update(message).digest();
  return { sign, verify: (message, signature) => sign(message).equals(signature) };
};
const seal = sealOf('key');
const incarnation = '00112233445566aa';
const address = { host: '10.0.3.7', port: 4370 };
const self = { cluster: 'shop', name: 'api-1', incarnation, address };

describe('leases', () => {
  it('are read as they were written', () => {
    const value = encodeLease(self, address, seal);
    expect(decodeLease(value, 'shop', incarnation, seal)).toEqual(address);
    expect(JSON.parse(value)).toMatchObject({ ...address, name: 'api-1' });
  });

  it('stay short, whatever the name of the node', () => {
    const value = encodeLease({ ...self, name: '\u0000'.repeat(100_000) }, { ...address, host: 'x'.repeat(253) }, seal);
    expect(value.length).toBeLessThan(MAX_LEASE_LENGTH);
  });

  it('are those of one incarnation in one cluster with one cookie, at one address', () => {
    const value = encodeLease(self, address, seal);
    expect(decodeLease(value, 'shop2', incarnation, seal)).toBeUndefined();
    expect(decodeLease(value, 'shop', 'ffffffffffffffff', seal)).toBeUndefined();
    expect(decodeLease(value, 'shop', incarnation, sealOf('other'))).toBeUndefined();
    expect(decodeLease(value.replace('10.0.3.7', '10.6.6.6'), 'shop', incarnation, seal)).toBeUndefined();
    expect(decodeLease(value.replace('4370', '4371'), 'shop', incarnation, seal)).toBeUndefined();
  });

  it.each([
    undefined,
    null,
    7,
    '',
    'x',
    'null',
    '[]',
    '{}',
    '{"host":"10.0.3.7","port":4370}',
    '{"host":"10.0.3.7","port":4370,"signature":7}',
    '{"host":"0.0.0.0","port":4370,"signature":"eA"}',
    '{"host":["10.0.3.7"],"port":4370,"signature":"eA"}',
    '{"host":"10.0.3.7","port":0,"signature":"eA"}',
    ' '.repeat(MAX_LEASE_LENGTH + 1),
  ])('passes over %j', (value) => {
    expect(decodeLease(value, 'shop', incarnation, seal)).toBeUndefined();
  });
});

it('leaseKeys keeps clusters apart, lies in one slot, and does not show the name', () => {
  const { index, lease } = leaseKeys('rookery', 'shop');
  expect(index).toMatch(/^rookery:\{[0-9a-f]{16}\}:nodes$/);
  expect(lease(incarnation)).toBe(index.replace('nodes', incarnation));
  expect(leaseKeys('rookery', 'Shop').index).not.toBe(index);
});

it('isIncarnation knows what can be one', () => {
  expect([incarnation, 'nodes', incarnation.toUpperCase(), `${incarnation}0`, 7].map(isIncarnation)).toEqual([
    true,
    false,
    false,
    false,
    false,
  ]);
});
