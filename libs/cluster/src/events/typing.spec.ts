/** What the compiler accepts: these tests fail in `tsc`, where an error that is expected does not come. */
import 'reflect-metadata';
import { expect, it } from '@jest/globals';
import {
  Cluster,
  ClusterBroadcast,
  type EventContext,
  type Gap,
  type MemberEvent,
  OnClusterEvent,
  OnClusterGap,
  OnMember,
} from 'rookery';

interface Measured {
  readonly sensor: string;
  readonly celsius: number;
}

declare module 'rookery' {
  interface ClusterEventMap {
    'typing.measured': Measured;
    'typing.counted': number;
  }
}

class Handlers {
  @OnClusterEvent('typing.measured')
  exact(_measured: Measured): void {}

  @OnClusterEvent('typing.measured')
  wider(_measured: { readonly sensor: string }, _context: EventContext): void {}

  @OnClusterEvent('typing.measured')
  none(): void {}

  @OnClusterEvent('typing.measured')
  @OnClusterEvent('typing.undeclared')
  async promised(_measured: Measured): Promise<void> {}

  @OnClusterEvent('typing.undeclared')
  undeclared(_anything: { readonly any: 'thing' }): void {}

  @OnClusterEvent('typing.*')
  pattern(_measured: Measured): void {}

  // @ts-expect-error the payload is no string
  @OnClusterEvent('typing.measured')
  wrong(_measured: string): void {}

  // @ts-expect-error the payload has no such property
  @OnClusterEvent('typing.measured')
  narrower(_measured: Measured & { readonly kelvin: number }): void {}

  // @ts-expect-error the payload of one of the two is no number
  @OnClusterEvent('typing.measured')
  @OnClusterEvent('typing.counted')
  both(_count: number): void {}

  // @ts-expect-error the second argument is the context
  @OnClusterEvent('typing.measured')
  wrongContext(_measured: Measured, _context: string): void {}

  @OnClusterGap('typing.*')
  gap(_gap: Gap): void {}

  // @ts-expect-error a gap is no string
  @OnClusterGap()
  wrongGap(_gap: string): void {}

  @OnMember('lost')
  member(_event: MemberEvent): void {}

  // @ts-expect-error a member event is no gap
  @OnMember('lost')
  wrongMember(_event: Gap): void {}
}

class Broadcasts {
  @ClusterBroadcast('typing.measured')
  sync(): Measured {
    return { sensor: 'a', celsius: 1 };
  }

  @ClusterBroadcast('typing.measured')
  async promised(): Promise<Measured | undefined> {
    return Promise.resolve(undefined);
  }

  @ClusterBroadcast('typing.measured')
  more(): Measured & { readonly kelvin: number } {
    return { sensor: 'a', celsius: 1, kelvin: 274 };
  }

  @ClusterBroadcast('typing.undeclared')
  undeclared(): string {
    return 'anything';
  }

  @ClusterBroadcast('typing.counted', { payload: (measured: Measured) => measured.celsius })
  mapped(): Measured {
    return { sensor: 'a', celsius: 1 };
  }

  @ClusterBroadcast('typing.counted', { payload: (_result: Measured, [, celsius]: [string, number]) => celsius })
  async mappedWithArgs(sensor: string, celsius: number): Promise<Measured> {
    return Promise.resolve({ sensor, celsius });
  }

  @ClusterBroadcast('typing.counted', { payload: () => 1 })
  mappedFromNothing(): void {}

  @ClusterBroadcast('typing.measured', { confirm: true })
  async confirmed(): Promise<Measured> {
    return Promise.resolve({ sensor: 'a', celsius: 1 });
  }

  @ClusterBroadcast('typing.counted', { confirm: { timeoutMs: 10 }, payload: (measured: Measured) => measured.celsius })
  async confirmedMapped(): Promise<Measured> {
    return Promise.resolve({ sensor: 'a', celsius: 1 });
  }

  // @ts-expect-error the result is no measurement
  @ClusterBroadcast('typing.measured')
  wrong(): string {
    return 'a';
  }

  // @ts-expect-error the promised result lacks a property
  @ClusterBroadcast('typing.measured')
  async wrongPromise(): Promise<{ sensor: string }> {
    return Promise.resolve({ sensor: 'a' });
  }

  // @ts-expect-error null is a payload, and not one of this topic; undefined says nothing
  @ClusterBroadcast('typing.measured')
  nullable(): Measured | null {
    return null;
  }

  // @ts-expect-error what the payload function makes of it is no number
  @ClusterBroadcast('typing.counted', { payload: (measured: Measured) => measured.sensor })
  wrongPayload(): Measured {
    return { sensor: 'a', celsius: 1 };
  }

  // @ts-expect-error the payload function takes another result
  @ClusterBroadcast('typing.counted', { payload: (measured: Measured) => measured.celsius })
  wrongResult(): string {
    return 'a';
  }

  // @ts-expect-error the payload function takes other arguments
  @ClusterBroadcast('typing.counted', { payload: (_result: Measured, [celsius]: [number]) => celsius })
  wrongArgs(sensor: string): Measured {
    return { sensor, celsius: 1 };
  }

  // @ts-expect-error a confirmation is waited for, and this method is synchronous
  @ClusterBroadcast('typing.measured', { confirm: true })
  notAsync(): Measured {
    return { sensor: 'a', celsius: 1 };
  }
}

/** Never called: the calls are for the compiler. */
export function calls(cluster: Cluster): void {
  cluster.publish('typing.measured', { sensor: 'a', celsius: 1 });
  cluster.publish('typing.undeclared', 'anything');
  // @ts-expect-error the payload lacks a property
  cluster.publish('typing.measured', { sensor: 'a' });
  cluster.subscribe('typing.counted', (count) => count.toFixed(2));
  // @ts-expect-error there is no such status
  OnMember('gone');
}

it('is a matter of types alone: every decorator above was applied', () => {
  expect(Object.getOwnPropertyNames(Handlers.prototype)).toHaveLength(15);
  expect(Object.getOwnPropertyNames(Broadcasts.prototype)).toHaveLength(17);
});
