/** Publishing after the commit, where transactions really run at the same time: each on a connection of its own. */
import { Injectable } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { bindCluster, ClusterBroadcast } from 'rookery';
import { DataSource, type EntityManager, EntitySchema } from 'typeorm';
import { holdUntilCommit, publishAfterCommit } from '../../libs/cluster/src/typeorm/index.js';
import { FakeCluster } from '../cluster/fake-cluster.js';
import { describeWithPostgres, type PostgresServer, startPostgres } from './support/postgres.js';

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
}

const failure = new Error('failure');

let dataSource: DataSource;
let cluster: FakeCluster;
let rows: Rows;

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

describeWithPostgres('transactions at once, each on a connection of its own', () => {
  let postgres: PostgresServer;
  beforeAll(async () => (postgres = await startPostgres()), 60_000);
  afterAll(() => postgres.stop());
  beforeEach(async () => {
    cluster = new FakeCluster();
    rows = new Rows();
    bindCluster(rows, cluster);
    const url = await postgres.newDatabase();
    dataSource = await new DataSource({ type: 'postgres', url, entities: [RowSchema], synchronize: true }).initialize();
    publishAfterCommit(dataSource);
  });
  afterEach(() => dataSource.destroy());

  it('publish what is their own, when it is their own that commits', async () => {
    const [aWrote, bWrote, bEnded] = [gate(), gate(), gate()];
    const a = dataSource.transaction(async (manager) => {
      await rows.save(manager, 'a', 1);
      aWrote.open();
      await bEnded.passed;
      await rows.save(manager, 'a2', 1);
    });
    const b = dataSource.transaction(async (manager) => {
      await rows.save(manager, 'b', 2);
      bWrote.open();
      await aWrote.passed;
    });
    const c = dataSource.transaction(async (manager) => {
      await bWrote.passed;
      await rows.save(manager, 'c', 3);
      throw failure;
    });

    await b;
    await expect(c).rejects.toBe(failure);
    expect(said()).toEqual(['b=2']);
    bEnded.open();
    await a;
    expect(said()).toEqual(['b=2', 'a=1', 'a2=1']);
    expect(await stored()).toEqual(['a=1', 'a2=1', 'b=2']);
  });

  it('are told apart when they are begun and ended by hand', async () => {
    const [a, b] = [dataSource.createQueryRunner(), dataSource.createQueryRunner()];
    for (const runner of [a, b]) await runner.startTransaction();
    await holdUntilCommit(a, () => rows.save(a.manager, 'a', 1));
    await holdUntilCommit(b, () => rows.save(b.manager, 'b', 2));
    await a.manager.transaction((manager) => rows.save(manager, 'a2', 3));

    await b.rollbackTransaction();
    expect(said()).toEqual([]);
    await a.commitTransaction();
    expect(said()).toEqual(['a=1', 'a2=3']);
    for (const runner of [a, b]) await runner.release();
  });

  it('publish nothing when the commit itself fails', async () => {
    await dataSource.query('ALTER TABLE "row" ADD CONSTRAINT "small" UNIQUE ("value") DEFERRABLE INITIALLY DEFERRED');
    await dataSource.transaction((manager) => rows.save(manager, 'a', 1));

    await expect(dataSource.transaction((manager) => rows.save(manager, 'b', 1))).rejects.toThrow('small');
    expect(said()).toEqual(['a=1']);
  });
});

function gate(): { readonly passed: Promise<void>; open: () => void } {
  let open: () => void = () => undefined;
  const passed = new Promise<void>((resolve) => (open = resolve));
  return { passed, open };
}
