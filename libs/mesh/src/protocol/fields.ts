/** Checks on decoded control messages: whatever a peer sends is `unknown` until it went through here. */
import { ProtocolError } from '../errors.js';

/** The fields of one decoded object, read one by one with their type and bounds. */
export class Fields {
  private readonly values: Readonly<Record<string, unknown>>;

  constructor(
    private readonly what: string,
    value: unknown,
  ) {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw new ProtocolError(`${what} is no object`);
    this.values = value as Record<string, unknown>;
  }

  text(name: string, maxLength: number): string {
    const value = this.values[name];
    if (typeof value !== 'string' || value.length > maxLength) throw this.bad(name);
    return value;
  }

  /** A whole number in `[min, max]`. */
  count(name: string, min = 0, max = Number.MAX_SAFE_INTEGER): number {
    const value = this.values[name];
    if (!Number.isSafeInteger(value) || (value as number) < min || (value as number) > max) throw this.bad(name);
    return value as number;
  }

  flag(name: string): boolean {
    const value = this.values[name];
    if (typeof value !== 'boolean') throw this.bad(name);
    return value;
  }

  incarnation(name: string): string {
    const value = this.values[name];
    if (typeof value !== 'string' || !/^[0-9a-f]{16}$/.test(value)) throw this.bad(name);
    return value;
  }

  record(name: string): Readonly<Record<string, unknown>> {
    const value = this.values[name];
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw this.bad(name);
    return value as Record<string, unknown>;
  }

  list(name: string, maxLength: number): readonly unknown[] {
    const value = this.values[name];
    if (!Array.isArray(value) || value.length > maxLength) throw this.bad(name);
    return value as unknown[];
  }

  private bad(name: string): ProtocolError {
    return new ProtocolError(`${this.what} has no valid '${name}'`);
  }
}
