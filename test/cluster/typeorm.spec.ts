import { Injectable, Logger } from '@nestjs/common';
import { afterAll, afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import Database from 'libsql';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterCommit, bindCluster, ClusterBroadcast, ClusterError } from 'rookery';
import { DataSource, type EntityManager, EntitySchema } from 'typeorm';
import { holdUntilCommit, publishAfterCommit, transactional } from '../../libs/cluster/src/typeorm/index.js';
import { FakeCluster } from './fake-cluster.js';

interface Row {
  key: string;
  value: number;
}

const RowSchema = new EntitySchema<Row>({
  name: 'row',
  columns: { key: { type: String, primary: true }, value: { type: Number } },
});

@Injectable()
class Rows {
  @ClusterBroadcast('row.saved')
  async save(manager: EntityManager, key: string, value: number): Promise<Row> {
    return manager.getRepository(RowSchema).save({ key, value });
  }

  @ClusterBroadcast('row.saved', { confirm: true })
  async saveConfirmed(manager: EntityManager, key: string): Promise<string> {
    await manager.getRepository(RowSchema).save({ key, value: 0 });
    return key;
  }

  @ClusterBroadcast('row.saved')
  async saveUnspeakable(manager: EntityManager, key: string): Promise<unknown> {
    await manager.getRepository(RowSchema).save({ key, value: 0 });
    return { callback: () => undefined };
  }
}

const directory = mkdtempSync(join(tmpdir(), 'rookery-typeorm-'));
let files = 0;
let dataSource: DataSource;
let cluster: FakeCluster;
let rows: Rows;

async function open(): Promise<DataSource> {
  const database = join(directory, `rows-${++files}.db`);
  const entities = [RowSchema];
  return new DataSource({
    type: 'better-sqlite3',
    driver: Database,
    database,
    entities,
    synchronize: true,
  }).initialize();
}

beforeEach(async () => {
  dataSource = await open();
  cluster = new FakeCluster();
  rows = new Rows();
  bindCluster(rows, cluster);
});
afterEach(async () => {
  await dataSource.destroy();
});
afterAll(() => {
  rmSync(directory, { recursive: true, force: true });
});

/** What was published, as `key=value`. */
function said(): string[] {
  return cluster.published.map(({ payload }) => {
    const { key, value } = payload as Row;
    return `${key}=${value}`;
  });
}

async function stored(): Promise<string[]> {
  const found = await dataSource.getRepository(RowSchema).find({ order: { key: 'ASC' } });
  return found.map(({ key, value }) => `${key}=${value}`);
}

const failure = new Error('changed my mind');

describe.each([
  [
    'transactional(dataSource, work)',
    () => undefined,
    <T>(work: (m: EntityManager) => Promise<T>) => transactional(dataSource, work),
  ],
  [
    'a plain dataSource.transaction(work) after publishAfterCommit(dataSource)',
    () => publishAfterCommit(dataSource),
    <T>(work: (m: EntityManager) => Promise<T>) => dataSource.transaction(work),
  ],
  [
    'a plain manager.transaction(isolation, work) after publishAfterCommit(dataSource)',
    () => publishAfterCommit(dataSource),
    <T>(work: (m: EntityManager) => Promise<T>) => dataSource.manager.transaction('SERIALIZABLE', work),
  ],
  [
    'a plain transaction of the manager of a query runner after publishAfterCommit(dataSource)',
    () => publishAfterCommit(dataSource),
    <T>(work: (m: EntityManager) => Promise<T>) => dataSource.createQueryRunner().manager.transaction(work),
  ],
])('%s', (_name, install, transaction) => {
  beforeEach(() => install());

  it('publishes after the commit, in order, and returns what the work returned', async () => {
    const during: number[] = [];
    const result = await transaction(async (manager) => {
      await rows.save(manager, 'a', 1);
      await rows.save(manager, 'b', 2);
      during.push(cluster.published.length);
      return 'done';
    });

    expect(result).toBe('done');
    expect(during).toEqual([0]);
    expect(said()).toEqual(['a=1', 'b=2']);
    expect(await stored()).toEqual(['a=1', 'b=2']);
  });

  it('finds the data committed when the event is heard', async () => {
    const seen: Promise<string[]>[] = [];
    cluster.subscribe('row.saved', () => void seen.push(stored()));

    await transaction((manager) => rows.save(manager, 'a', 1));
    expect(await Promise.all(seen)).toEqual([['a=1']]);
  });

  it('publishes nothing after a rollback', async () => {
    const work = transaction(async (manager) => {
      await rows.save(manager, 'a', 1);
      throw failure;
    });

    await expect(work).rejects.toBe(failure);
    expect(said()).toEqual([]);
    expect(await stored()).toEqual([]);
  });

  it('publishes what savepoints hold after the outermost commit', async () => {
    const during: number[] = [];
    await transaction(async (outer) => {
      await rows.save(outer, 'a', 1);
      await outer.transaction((inner) => rows.save(inner, 'b', 2));
      during.push(cluster.published.length);
      await rows.save(outer, 'c', 3);
    });

    expect(during).toEqual([0]);
    expect(said()).toEqual(['a=1', 'b=2', 'c=3']);
  });

  it('publishes nothing of a savepoint that was rolled back, and all of what surrounds it', async () => {
    await transaction(async (outer) => {
      await rows.save(outer, 'a', 1);
      const inner = outer.transaction(async (manager) => {
        await rows.save(manager, 'b', 2);
        throw failure;
      });
      await expect(inner).rejects.toBe(failure);
      await rows.save(outer, 'c', 3);
    });

    expect(said()).toEqual(['a=1', 'c=3']);
    expect(await stored()).toEqual(['a=1', 'c=3']);
  });

  it('publishes nothing of savepoints when the outermost transaction is rolled back', async () => {
    const work = transaction(async (outer) => {
      await outer.transaction((inner) => rows.save(inner, 'b', 2));
      throw failure;
    });

    await expect(work).rejects.toBe(failure);
    expect(said()).toEqual([]);
  });

  it('publishes what was returned, not what became of the object later', async () => {
    const row: Row = { key: 'a', value: 1 };
    class Mutable {
      @ClusterBroadcast('row.saved')
      touch(): Row {
        return row;
      }
    }
    const mutable = new Mutable();
    bindCluster(mutable, cluster);

    await transaction(async (manager) => {
      mutable.touch();
      row.value = 2;
      await manager.query('select 1');
      mutable.touch();
    });
    expect(said()).toEqual(['a=1', 'a=2']);
  });

  it('rolls back for a payload that cannot travel', async () => {
    await expect(transaction((manager) => rows.saveUnspeakable(manager, 'a'))).rejects.toMatchObject({
      code: 'CLUSTER_INVALID_PAYLOAD',
    });
    expect(await stored()).toEqual([]);
  });

  it('rejects when publishing fails after the commit, and says that the data is committed', async () => {
    cluster.publishError = new ClusterError('CLUSTER_LEFT', 'gone');
    const work = transaction((manager) => rows.save(manager, 'a', 1));

    await expect(work).rejects.toMatchObject({
      code: 'CLUSTER_AFTER_COMMIT',
      message: expect.stringContaining('IS committed'),
      cause: cluster.publishError,
    });
    expect(await stored()).toEqual(['a=1']);
    cluster.publishError = undefined;
    await transaction((manager) => rows.save(manager, 'b', 2));
    expect(said()).toEqual(['b=2']);
  });

  it('does not undo what others do on the connection when publishing fails after the commit', async () => {
    cluster.confirmation = Promise.reject(new ClusterError('CLUSTER_TOO_MANY_PENDING', 'too many'));
    const a = transaction((manager) => rows.saveConfirmed(manager, 'a'));
    const refused = expect(a).rejects.toMatchObject({ code: 'CLUSTER_AFTER_COMMIT' });
    await new Promise<void>((resolve) => cluster.subscribe('row.saved', () => resolve()));
    const b = transaction(async (manager) => {
      await rows.save(manager, 'b', 2);
      await refused;
    });

    await b;
    expect(await stored()).toEqual(['a=0', 'b=2']);
  });

  it('waits for confirmations after the commit', async () => {
    let confirm: () => void = () => undefined;
    cluster.confirmation = new Promise((resolve) => {
      confirm = () => resolve({ confirmed: [], failed: [], pending: [] });
    });
    cluster.subscribe('row.saved', () => setImmediate(confirm));

    const steps: string[] = [];
    await transaction(async (manager) => {
      await rows.saveConfirmed(manager, 'a');
      steps.push('work ends');
    });
    steps.push(cluster.calls.at(-1)!);
    expect(steps).toEqual(['work ends', 'publishConfirmed {}']);
  });

  it('holds what afterCommit is given, and nothing once the transaction is over', async () => {
    const steps: string[] = [];
    let later: (() => void) | undefined;
    const over = new Promise<void>((resolve) => (later = resolve));
    let straggler: Promise<unknown> = Promise.resolve();
    await transaction(async (manager) => {
      afterCommit(() => steps.push('after commit'));
      steps.push('in transaction');
      straggler = over.then(() => afterCommit(() => steps.push('straggler')));
      await manager.query('select 1');
    });
    later!();
    await straggler;
    expect(steps).toEqual(['in transaction', 'after commit', 'straggler']);
  });

  it('publishes what a finished transaction left running at once, whoever uses the connection then', async () => {
    const next = gate();
    let straggler: Promise<unknown> = Promise.resolve();
    await transaction(async (manager) => {
      straggler = next.passed.then(() =>
        afterCommit(() => cluster.publish('row.saved', { key: 'straggler', value: 1 })),
      );
      await manager.query('select 1');
    });
    const other = transaction(async (manager) => {
      await rows.save(manager, 'b', 2);
      next.open();
      await straggler;
      throw failure;
    });

    await expect(other).rejects.toBe(failure);
    expect(said()).toEqual(['straggler=1']);
  });

  it('publishes at once outside of transactions', async () => {
    await transaction((manager) => rows.save(manager, 'a', 1));
    await rows.save(dataSource.manager, 'b', 2);
    expect(said()).toEqual(['a=1', 'b=2']);
  });

  it('publishes what runs beside the transaction, in the same turn, at once', async () => {
    const running = transaction(async (manager) => {
      await manager.query('select 1');
      throw failure;
    });
    class Beside {
      @ClusterBroadcast('row.saved')
      say(): Row {
        return { key: 'beside', value: 1 };
      }
    }
    const sayer = new Beside();
    bindCluster(sayer, cluster);
    sayer.say();

    expect(said()).toEqual(['beside=1']);
    await expect(running).rejects.toBe(failure);
  });

  it('follows the connection when concurrent transactions share it: what one rolls back, nobody hears', async () => {
    // TypeORM gives SQLite one connection, on which a second transaction becomes a savepoint of the first.
    const first = gate();
    const second = gate();
    const a = transaction(async (manager) => {
      await rows.save(manager, 'a', 1);
      second.open();
      await first.passed;
    });
    await second.passed;
    const b = transaction(async (manager) => {
      await rows.save(manager, 'b', 2);
      first.open();
      await a;
      throw failure;
    });

    await a;
    const saidWhenFirstBelievedToBeDone = said();
    await expect(b).rejects.toBe(failure);
    expect(saidWhenFirstBelievedToBeDone).toEqual([]);
    expect(said()).toEqual(await stored());
  });
});

describe('publishAfterCommit', () => {
  it('is idempotent', async () => {
    publishAfterCommit(dataSource);
    publishAfterCommit(dataSource);

    await dataSource.transaction((manager) => rows.save(manager, 'a', 1));
    expect(said()).toEqual(['a=1']);
    expect(dataSource.subscribers).toHaveLength(1);
  });

  it('survives that the data source is initialized anew', async () => {
    publishAfterCommit(dataSource);
    await dataSource.destroy();
    await dataSource.initialize();

    const during: number[] = [];
    await dataSource.transaction(async (manager) => {
      await rows.save(manager, 'a', 1);
      during.push(cluster.published.length);
    });
    expect(during).toEqual([0]);
    expect(said()).toEqual(['a=1']);
  });

  it('keeps the transactions of two data sources apart', async () => {
    const other = await open();
    publishAfterCommit(dataSource);
    publishAfterCommit(other);

    const steps: string[][] = [];
    const work = dataSource.transaction(async (manager) => {
      await rows.save(manager, 'outer', 1);
      await other.transaction((inner) => rows.save(inner, 'other', 2));
      steps.push(said());
      throw failure;
    });
    await expect(work).rejects.toBe(failure);
    expect(steps).toEqual([['other=2']]);
    expect(said()).toEqual(['other=2']);
    await other.destroy();
  });

  it('wants an initialized data source', async () => {
    const cold = new DataSource({ type: 'better-sqlite3', driver: Database, database: ':memory:' });

    const refusal = expect.objectContaining({ code: 'CLUSTER_DATA_SOURCE_NOT_READY' });
    expect(() => publishAfterCommit(cold)).toThrow(refusal);
    await expect(transactional(cold, () => Promise.resolve())).rejects.toEqual(refusal);
  });
});

describe('holdUntilCommit', () => {
  it('is needed between startTransaction() and commitTransaction(), where nothing is held otherwise', async () => {
    publishAfterCommit(dataSource);
    const runner = dataSource.createQueryRunner();
    await runner.startTransaction();
    await rows.save(runner.manager, 'at once', 1);
    await holdUntilCommit(runner, () => rows.save(runner.manager, 'held', 2));
    expect(said()).toEqual(['at once=1']);
    await runner.commitTransaction();
    expect(said()).toEqual(['at once=1', 'held=2']);
  });

  it.each([
    ['watched from its begin', () => publishAfterCommit(dataSource)],
    ['that began before it was watched', () => undefined],
  ])('is not needed for savepoints: they wait for the end of a transaction by hand %s', async (_name, install) => {
    install();
    const runner = dataSource.createQueryRunner();
    await runner.startTransaction();
    await transactional(dataSource, (manager) => rows.save(manager, 'a', 1));
    expect(said()).toEqual([]);
    await runner.commitTransaction();
    expect(said()).toEqual(['a=1']);

    await runner.startTransaction();
    await transactional(dataSource, (manager) => rows.save(manager, 'b', 2));
    await runner.rollbackTransaction();
    expect(said()).toEqual(['a=1']);
    expect(await stored()).toEqual(['a=1']);
  });

  it('takes part in a transaction that is begun and ended by hand', async () => {
    const runner = dataSource.createQueryRunner();
    await runner.startTransaction();
    await holdUntilCommit(runner, () => rows.save(runner.manager, 'a', 1));
    expect(said()).toEqual([]);
    await runner.commitTransaction();
    expect(said()).toEqual(['a=1']);

    await runner.startTransaction();
    await holdUntilCommit(runner, () => rows.save(runner.manager, 'b', 2));
    await runner.rollbackTransaction();
    expect(said()).toEqual(['a=1']);
    expect(await stored()).toEqual(['a=1']);
  });

  it('logs what failed after a commit by hand, which itself succeeds', async () => {
    const error = jest.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
    cluster.publishError = new ClusterError('CLUSTER_LEFT', 'gone');
    const runner = dataSource.createQueryRunner();
    await runner.startTransaction();
    await holdUntilCommit(runner, () => rows.save(runner.manager, 'a', 1));

    await runner.commitTransaction();
    await new Promise(setImmediate);
    expect(await stored()).toEqual(['a=1']);
    expect(error.mock.calls).toEqual([[expect.stringContaining('IS committed')]]);
    error.mockRestore();
  });

  it('leaves the transaction of another data source out of it', async () => {
    const error = jest.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
    const other = await open();
    const runner = other.createQueryRunner();

    await transactional(dataSource, async (manager) => {
      await rows.save(manager, 'a', 1);
      cluster.publishError = new ClusterError('CLUSTER_LEFT', 'gone');
      await runner.startTransaction();
      await holdUntilCommit(runner, () => rows.save(runner.manager, 'b', 2));
      await runner.commitTransaction();
      cluster.publishError = undefined;
    });
    expect(said()).toEqual(['a=1']);
    expect(error).toHaveBeenCalledTimes(1);
    error.mockRestore();
    await other.destroy();
  });

  it('holds nothing when no transaction is open', async () => {
    const runner = dataSource.createQueryRunner();

    await holdUntilCommit(runner, () => rows.save(runner.manager, 'a', 1));
    expect(said()).toEqual(['a=1']);
  });
});

function gate(): { readonly passed: Promise<void>; open: () => void } {
  let open: () => void = () => undefined;
  const passed = new Promise<void>((resolve) => (open = resolve));
  return { passed, open };
}
