import 'reflect-metadata';
import { describe, expect, it } from '@jest/globals';
import { assertInstanceMethod, markedMethods, markMethod } from './handler-marks.js';

class Base {
  heard(): void {}
  other(): void {}
}
class Child extends Base {
  override heard(): void {}
}
class Sibling extends Base {
  override heard(): void {}
}

markMethod(Base.prototype, 'heard', { kind: 'event', topic: 'second' });
markMethod(Base.prototype, 'heard', { kind: 'event', topic: 'first' });
markMethod(Base.prototype, 'heard', { kind: 'event', topic: 'second' });
markMethod(Base.prototype, 'other', { kind: 'gap', topic: undefined });
markMethod(Sibling.prototype, 'heard', { kind: 'member', status: 'up' });

describe('marked methods', () => {
  it('are listed in the order of the source, each mark once', () => {
    expect(markedMethods(Base.prototype)).toEqual([
      {
        name: 'heard',
        marks: [
          { kind: 'event', topic: 'second' },
          { kind: 'event', topic: 'first' },
        ],
        markedOn: Base.prototype,
      },
      { name: 'other', marks: [{ kind: 'gap', topic: undefined }], markedOn: Base.prototype },
    ]);
  });

  it('are inherited, overrides included', () => {
    expect(markedMethods(Child.prototype)).toEqual(markedMethods(Base.prototype));
  });

  it('are replaced by the marks of an override, which leave the base class alone', () => {
    expect(markedMethods(Sibling.prototype).map(({ name, marks }) => [name, marks.length])).toEqual([
      ['heard', 1],
      ['other', 1],
    ]);
    expect(markedMethods(Base.prototype)[0]!.marks).toHaveLength(2);
  });

  it('are none on foreign objects', () => {
    expect(markedMethods(Object.prototype)).toEqual([]);
    expect(markedMethods(new Map())).toEqual([]);
  });
});

describe('a decorator is refused', () => {
  const method = Object.getOwnPropertyDescriptor(Base.prototype, 'heard');

  it.each([
    ['on a static method', Base, 'make', { value: () => undefined }, /Base\.make: the method is static/],
    ['on a property', Base.prototype, 'field', undefined, /Base\.field: this is no method/],
    ['on a getter', Base.prototype, 'size', { get: (): number => 1 }, /Base\.size: this is no method/],
    ['on a method named by a symbol', Base.prototype, Symbol('hidden'), method, /Give the method a name/],
  ])('%s', (_where, target, name, descriptor, message) => {
    const apply = () => assertInstanceMethod('@OnClusterEvent', target, name, descriptor);
    expect(apply).toThrow(message);
    expect(apply).toThrow(expect.objectContaining({ code: 'CLUSTER_INVALID_HANDLER' }));
  });

  it('nowhere else', () => {
    expect(() => assertInstanceMethod('@OnClusterEvent', Base.prototype, 'heard', method)).not.toThrow();
  });
});
