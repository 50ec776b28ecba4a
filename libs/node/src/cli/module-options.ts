/** The options that an application's module exports, made fit for a look: whatever that module is, it ends, and is told what it is. */
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { MeshOptions } from '@rookery/mesh';
import { type Clock, describeError, describeValue, silentLogger, systemClock } from '@rookery/runtime';

/** A module may ask a vault for its cookie; one that waits for longer waits for something that never comes. */
const MODULE_TIMEOUT_MS = 30_000;

/** What `ClusterModule.forRoot` takes on top of the options of a node. */
const APPLICATION_OPTIONS = ['drainDelayMs', 'isGlobal'] as const;

/**
 * What the module exports under `name`, called if it is a function, awaited if it is a promise.
 *
 * @throws Error what the module threw, or why that cannot be the options
 */
export async function moduleOptions(
  file: string,
  name: string,
  clock: Clock = systemClock,
  timeoutMs = MODULE_TIMEOUT_MS,
): Promise<MeshOptions> {
  const options = await inTime(exported(file, name), clock, timeoutMs, `${file} did not give its options`);
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new Error(
      `${file} exports ${describeValue(options)} as ${name}: that is not the options of createMesh or ClusterModule.forRoot, ` +
        'nor a function that returns them. See --export.',
    );
  }
  if ('module' in options) {
    throw new Error(`${name} of ${file} is a module of Nest: export the options that it is made with.`);
  }
  // On top of the options, not a copy of them: that would lose the getters of a class. What cannot be enumerated hides what
  // lies below.
  const nothing = { value: undefined, enumerable: false };
  return Object.create(options, {
    ...Object.fromEntries(APPLICATION_OPTIONS.map((option) => [option, nothing])),
    logger: { value: silentLogger, enumerable: true },
  }) as MeshOptions;
}

async function exported(file: string, name: string): Promise<unknown> {
  const module = (await import(pathToFileURL(resolve(file)).href)) as Record<string, unknown>;
  // A CommonJS module stands behind `default` whole.
  const value = module[name] ?? (module['default'] as Record<string, unknown> | null | undefined)?.[name];
  if (value === undefined) {
    throw new Error(
      `${file} exports no ${name}; it exports ${Object.keys(module).join(', ') || 'nothing'}. See --export.`,
    );
  }
  if (typeof value !== 'function') return value;
  try {
    return await (value as () => unknown)();
  } catch (error) {
    throw new Error(`${name}() of ${file} failed: ${describeError(error)}`, { cause: error });
  }
}

function inTime<T>(promise: Promise<T>, clock: Clock, timeoutMs: number, what: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = clock.after(timeoutMs, () => reject(new Error(`${what} within ${timeoutMs} ms.`)));
    promise.then(resolve, reject).finally(() => timer.cancel());
  });
}
