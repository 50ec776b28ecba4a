import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type EndpointChoice, readEndpointSlice, readPod } from './kubernetes-endpoints.js';

const ALL: EndpointChoice = { port: 4370, includeNotReady: true };
const SERVING: EndpointChoice = { port: 4370, includeNotReady: false };
const NAMED: EndpointChoice = { port: 'rookery', includeNotReady: true };

const slice = (endpoints: readonly object[], more: object = {}): Record<string, unknown> => ({
  metadata: { name: 'app-abc' },
  addressType: 'IPv4',
  ports: [{ name: 'rookery', protocol: 'TCP', port: 4380 }],
  endpoints,
  ...more,
});

const pod = (status: object, spec: object = {}): Record<string, unknown> => ({
  metadata: { name: 'app-1' },
  status: { phase: 'Running', podIP: '10.1.0.1', podIPs: [{ ip: '10.1.0.1' }], ...status },
  spec: { containers: [{ name: 'app', ports: [{ name: 'rookery', containerPort: 4380 }] }], ...spec },
});

describe('readEndpointSlice', () => {
  it('takes the first address of each endpoint, at the port that is given', () => {
    const endpoints = [{ addresses: ['10.1.0.1', '10.9.9.9'] }, { addresses: ['10.1.0.2'] }];
    expect(readEndpointSlice(slice(endpoints), ALL)).toEqual({
      addresses: [
        { host: '10.1.0.1', port: 4370 },
        { host: '10.1.0.2', port: 4370 },
      ],
      leftOut: {},
      portNames: [],
    });
  });

  it('finds the port by its name', () => {
    expect(readEndpointSlice(slice([{ addresses: ['10.1.0.1'] }]), NAMED).addresses).toEqual([
      { host: '10.1.0.1', port: 4380 },
    ]);
  });

  it.each([
    ['it is not there', [{ name: 'http', port: 80 }]],
    ['it is of another protocol', [{ name: 'rookery', protocol: 'UDP', port: 4380 }]],
    ['it is open', [{ name: 'rookery', port: null }]],
    ['there are none', null],
  ])('says that the port has no such name when %s', (_case, ports) => {
    const { addresses, leftOut } = readEndpointSlice(slice([{ addresses: ['10.1.0.1'] }], { ports }), NAMED);
    expect(addresses).toEqual([]);
    expect(leftOut).toEqual({ 'no-such-port': 1 });
  });

  it('tells the names that there are instead', () => {
    const ports = [{ name: 'http', port: 80 }, { name: 'metrics', port: 81 }, { port: 82 }];
    expect(readEndpointSlice(slice([{ addresses: ['10.1.0.1'] }], { ports }), NAMED).portNames).toEqual([
      'http',
      'metrics',
    ]);
  });

  it('writes IPv6 addresses as they are compared', () => {
    const ipv6 = slice([{ addresses: ['FD00:0::1'] }], { addressType: 'IPv6' });
    expect(readEndpointSlice(ipv6, ALL).addresses).toEqual([{ host: 'fd00::1', port: 4370 }]);
  });

  it('passes over names, and what is not of the family that the slice says', () => {
    const names = slice([{ addresses: ['db.example.com'] }], { addressType: 'FQDN' });
    expect(readEndpointSlice(names, ALL)).toMatchObject({ addresses: [], leftOut: { 'no-address': 1 } });
    const mixed = slice([{ addresses: ['fd00::1'] }, { addresses: [] }, {}]);
    expect(readEndpointSlice(mixed, ALL)).toMatchObject({ addresses: [], leftOut: { 'no-address': 3 } });
  });

  it.each([
    ['no conditions', undefined, true],
    ['empty conditions', {}, true],
    ['ready', { ready: true, serving: true, terminating: false }, true],
    ['not ready', { ready: false, serving: false, terminating: false }, false],
    ['ending and still serving', { ready: false, serving: true, terminating: true }, true],
    ['ending and not serving', { ready: false, serving: false, terminating: true }, false],
    ['not ready, of an old server', { ready: false }, false],
  ])('with includeNotReady: false, an endpoint with %s counts: %s', (_case, conditions, counts) => {
    const one = slice([{ addresses: ['10.1.0.1'], conditions }]);
    expect(readEndpointSlice(one, SERVING).addresses).toHaveLength(counts ? 1 : 0);
    expect(readEndpointSlice(one, SERVING).leftOut).toEqual(counts ? {} : { 'not-ready': 1 });
    expect(readEndpointSlice(one, ALL).addresses).toHaveLength(1);
  });

  it('reads no more endpoints than a slice can have', () => {
    const endpoints = Array.from({ length: 1_001 }, (_, index) => ({
      addresses: [`10.1.${index >> 8}.${index & 255}`],
    }));
    expect(readEndpointSlice(slice(endpoints), ALL).addresses).toHaveLength(1_000);
  });

  it('does not throw, whatever it is given', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.jsonValue(), (object, value) => {
        const odd = { ...object, addressType: 'IPv4', endpoints: [value, { addresses: value }], ports: [value] };
        for (const choice of [ALL, SERVING, NAMED]) {
          readEndpointSlice(odd, choice);
          readEndpointSlice({ endpoints: value, ports: value }, choice);
          readPod({ status: value, spec: value }, choice);
          readPod({ status: { podIPs: value, conditions: value }, spec: { containers: value } }, choice);
        }
      }),
    );
  });
});

describe('readPod', () => {
  it('takes the addresses of both families, each once', () => {
    const both = pod({ podIP: '10.1.0.1', podIPs: [{ ip: '10.1.0.1' }, { ip: 'FD00::0:1' }] });
    expect(readPod(both, ALL).addresses).toEqual([
      { host: '10.1.0.1', port: 4370 },
      { host: 'fd00::1', port: 4370 },
    ]);
  });

  it('finds the port by its name, in a sidecar too', () => {
    expect(readPod(pod({}), NAMED).addresses).toEqual([{ host: '10.1.0.1', port: 4380 }]);
    const sidecar = {
      containers: [{ name: 'app' }],
      initContainers: [{ name: 'mesh', ports: [{ name: 'rookery', containerPort: 4390 }] }],
    };
    expect(readPod(pod({}, sidecar), NAMED).addresses).toEqual([{ host: '10.1.0.1', port: 4390 }]);
    expect(readPod(pod({}), { ...NAMED, port: 'other' })).toEqual({
      addresses: [],
      leftOut: { 'no-such-port': 1 },
      portNames: ['rookery'],
    });
  });

  it('waits for the address of a pod that is not on the network yet', () => {
    const pending = pod({ phase: 'Pending', podIP: undefined, podIPs: undefined });
    expect(readPod(pending, ALL)).toMatchObject({ addresses: [], leftOut: { 'no-address': 1 } });
  });

  it.each(['Succeeded', 'Failed'])('leaves out one that is finished (%s): another may have its address', (phase) => {
    expect(readPod(pod({ phase }), ALL)).toMatchObject({ addresses: [], leftOut: { finished: 1 } });
  });

  it('lists one that is not ready, unless it is told otherwise', () => {
    const starting = pod({ conditions: [{ type: 'Ready', status: 'False' }] });
    const ready = pod({ conditions: [{ type: 'Ready', status: 'True' }] });
    expect(readPod(starting, ALL).addresses).toHaveLength(1);
    expect(readPod(starting, SERVING)).toMatchObject({ addresses: [], leftOut: { 'not-ready': 1 } });
    expect(readPod(ready, SERVING).addresses).toHaveLength(1);
  });

  it('lists one that is ending: it may still have something to say', () => {
    const ending = { ...pod({}), metadata: { name: 'app-1', deletionTimestamp: '2026-01-01T00:00:00Z' } };
    expect(readPod(ending, ALL).addresses).toHaveLength(1);
  });
});
