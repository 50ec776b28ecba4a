import { describe, expect, it } from '@jest/globals';
import { readPod } from './kubernetes-endpoints.js';
import { KubernetesFailure } from './kubernetes-failure.js';
import { KubernetesObjects, MAX_ADDRESSES, MAX_OBJECTS } from './kubernetes-objects.js';

const pod = (name: string, ip: string, resourceVersion = '1'): object => ({
  metadata: { name, resourceVersion },
  status: { phase: 'Running', podIP: ip },
});
const list = (items: readonly object[], resourceVersion = '10', more: object = {}): object => ({
  metadata: { resourceVersion, ...more },
  items,
});
const choice = { port: 4370, includeNotReady: true };

function objectsOf(...items: readonly object[]): KubernetesObjects {
  const objects = new KubernetesObjects(readPod, choice);
  const listed = objects.newList();
  listed.add(list(items));
  objects.replace(listed);
  return objects;
}

const hostsOf = (objects: KubernetesObjects): string[] => objects.addresses.map(({ host }) => host);
const kindOf = (run: () => unknown): string | undefined => {
  try {
    run();
  } catch (error) {
    return error instanceof KubernetesFailure ? error.kind : String(error);
  }
  return undefined;
};

describe('KubernetesObjects', () => {
  it('knows nobody, and no version, before the first list', () => {
    const objects = new KubernetesObjects(readPod, choice);
    expect(objects.addresses).toEqual([]);
    expect(objects.version).toBeUndefined();
  });

  it('takes a list for the whole, and the version of its first page', () => {
    const objects = objectsOf(pod('a', '10.1.0.1'));
    const listed = objects.newList();
    expect(listed.add(list([pod('c', '10.1.0.3')], '20', { continue: 'more' }))).toBe('more');
    expect(hostsOf(objects)).toEqual(['10.1.0.1']);
    expect(listed.add(list([pod('b', '10.1.0.2')], '20', { continue: '' }))).toBeUndefined();
    expect(objects.replace(listed)).toBe(true);
    expect(hostsOf(objects)).toEqual(['10.1.0.2', '10.1.0.3']);
    expect(objects.version).toBe('20');
  });

  it('says whether a list changed anything', () => {
    const objects = objectsOf(pod('a', '10.1.0.1'), pod('b', '10.1.0.2'));
    const same = objects.newList();
    same.add(list([pod('b', '10.1.0.2', '7'), pod('a', '10.1.0.1', '8')]));
    expect(objects.replace(same)).toBe(false);
    const other = objects.newList();
    other.add(list([pod('b', '10.1.0.2'), pod('a', '10.1.0.9')]));
    expect(objects.replace(other)).toBe(true);
  });

  it('takes an empty list whose items are left out', () => {
    const objects = objectsOf(pod('a', '10.1.0.1'));
    const listed = objects.newList();
    listed.add({ metadata: { resourceVersion: '11' } });
    expect(objects.replace(listed)).toBe(true);
    expect(objects.addresses).toEqual([]);
  });

  it('follows events, also of objects that it has not seen', () => {
    const objects = objectsOf(pod('a', '10.1.0.1'));
    expect(objects.apply({ type: 'MODIFIED', object: pod('b', '10.1.0.2', '11') })).toBe(true);
    expect(objects.apply({ type: 'ADDED', object: pod('a', '10.1.0.1', '12') })).toBe(false);
    expect(objects.apply({ type: 'DELETED', object: pod('unknown', '10.1.0.7', '13') })).toBe(false);
    expect(objects.apply({ type: 'DELETED', object: pod('a', '10.1.0.1', '14') })).toBe(true);
    expect(objects.apply({ type: 'BOOKMARK', object: { metadata: { resourceVersion: '20' } } })).toBe(false);
    expect(hostsOf(objects)).toEqual(['10.1.0.2']);
    expect(objects.version).toBe('20');
  });

  it('keeps who is known when an event reports an error, and its version no longer', () => {
    const objects = objectsOf(pod('a', '10.1.0.1'));
    const error = (code: number): object => ({ type: 'ERROR', object: { kind: 'Status', code, reason: 'x' } });
    expect(kindOf(() => objects.apply(error(410)))).toBe('gone');
    expect(kindOf(() => objects.apply(error(500)))).toBe('status');
    expect(objects.version).toBeUndefined();
    expect(hostsOf(objects)).toEqual(['10.1.0.1']);
  });

  it.each([[null], [[]], ['text'], [{}], [{ type: 'ADDED' }], [{ type: 'ADDED', object: [] }]])(
    'refuses %j for an event',
    (event) => {
      expect(kindOf(() => objectsOf().apply(event))).toBe('malformed');
    },
  );

  it.each([
    [null],
    [[]],
    [{}],
    [{ metadata: {} }],
    [list([null as never])],
    [list([{}])],
    [{ ...list([]), items: {} }],
  ])('refuses %j for a list', (body) => {
    expect(kindOf(() => objectsOf().newList().add(body))).toBe('malformed');
  });

  it.each(['', 'x'.repeat(254)])('refuses an object whose name no object can have (%#)', (name) => {
    expect(kindOf(() => objectsOf().apply({ type: 'ADDED', object: pod(name, '10.1.0.1') }))).toBe('malformed');
  });

  it('holds no more objects than it may', () => {
    const many = Array.from({ length: MAX_OBJECTS }, (_, index) => pod(`p${index}`, '10.1.0.1'));
    const objects = objectsOf(...many);
    expect(kindOf(() => objects.apply({ type: 'ADDED', object: pod('one-more', '10.1.0.2') }))).toBe('too-many');
    expect(kindOf(() => objects.apply({ type: 'MODIFIED', object: pod('p1', '10.1.0.2') }))).toBeUndefined();
    expect(kindOf(() => objects.newList().add(list([...many, pod('one-more', '10.1.0.2')])))).toBe('too-many');
  });

  it('gives no more addresses than it may, and says so', () => {
    const addresses = Array.from({ length: 3 * MAX_OBJECTS }, (_, index) => ({
      ip: `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`,
    }));
    const items = Array.from({ length: MAX_OBJECTS }, (_, index) => ({
      metadata: { name: `p${index}`, resourceVersion: '1' },
      status: { podIPs: addresses.slice(index * 3, index * 3 + 3) },
    }));
    const objects = objectsOf(...items);
    expect(objects.addresses).toHaveLength(MAX_ADDRESSES);
    expect(objects.summary).toMatchObject({ objects: MAX_OBJECTS, addresses: MAX_ADDRESSES, isCut: true });
  });

  it('sums up what is left out', () => {
    const finished = { metadata: { name: 'c', resourceVersion: '1' }, status: { phase: 'Failed' } };
    const starting = { metadata: { name: 'd', resourceVersion: '1' }, status: { phase: 'Pending' } };
    expect(objectsOf(pod('a', '10.1.0.1'), pod('b', '10.1.0.1'), finished, starting).summary).toEqual({
      objects: 4,
      addresses: 1,
      leftOut: { finished: 1, 'no-address': 1 },
      portNames: [],
      isCut: false,
    });
  });
});
