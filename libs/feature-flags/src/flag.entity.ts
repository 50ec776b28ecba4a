/** The table of the flags, as TypeORM reads it. Writes are SQL of their own, in `flag-store.ts`. */
import { Column, Entity, PrimaryColumn } from 'typeorm';

@Entity({ name: 'feature_flags' })
export class FlagEntity {
  @PrimaryColumn({ type: 'varchar', length: 64 })
  key!: string;

  @Column({ type: 'boolean' })
  enabled!: boolean;

  @Column({ type: 'text' })
  description!: string;

  /** Counted up by the database in every write, and never reset. */
  @Column({ type: 'integer' })
  version!: number;

  /** The version at which this key was last made: how a write that brings a deleted key back is told from a change. */
  @Column({ name: 'created_version', type: 'integer' })
  createdVersion!: number;

  @Column({ type: 'boolean' })
  deleted!: boolean;

  /** Milliseconds since the Unix epoch. Text, because Postgres hands a bigint out as one. */
  @Column({ name: 'updated_at', type: 'bigint' })
  updatedAt!: string | number;
}
