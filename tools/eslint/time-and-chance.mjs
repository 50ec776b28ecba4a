/** Time and chance come from `libs/runtime` alone: that is what lets whole clusters run in virtual time from a seed. */
import { onPlatformUse } from './globals.mjs';

const CLOCK = 'Take a Clock: time is read only in libs/runtime.';
const TIMER = 'Take a Clock, and use its `after`: timers are armed only in libs/runtime.';
const RANDOM = 'Take a Random: chance is drawn only in libs/runtime.';

/** What is forbidden, with everything below it: `performance` stands for `performance.now` as well. */
const FORBIDDEN = {
  'Date.now': CLOCK,
  performance: CLOCK,
  'process.hrtime': CLOCK,
  'process.uptime': CLOCK,
  'node:process.hrtime': CLOCK,
  'node:process.uptime': CLOCK,
  'node:perf_hooks': CLOCK,

  setTimeout: TIMER,
  setInterval: TIMER,
  setImmediate: TIMER,
  'process.nextTick': TIMER,
  'AbortSignal.timeout': TIMER,
  'node:timers': TIMER,
  'node:timers/promises': TIMER,
  'node:process.nextTick': TIMER,

  'Math.random': RANDOM,
  ...Object.fromEntries(
    ['randomBytes', 'randomUUID', 'randomInt', 'randomFill', 'randomFillSync', 'getRandomValues'].flatMap((name) =>
      ['crypto', 'node:crypto', 'node:crypto.webcrypto'].map((module) => [`${module}.${name}`, RANDOM]),
    ),
  ),
};

const MODULES = ['crypto', 'perf_hooks', 'process', 'timers', 'timers/promises'];

export default {
  meta: {
    type: 'problem',
    schema: [{ type: 'object', properties: { allowWallClock: { type: 'boolean' } }, additionalProperties: false }],
    messages: { forbidden: '{{use}}: {{advice}}' },
  },

  create(context) {
    const { allowWallClock = false } = context.options[0] ?? {};
    return onPlatformUse(context, MODULES, (use, node, parent) => {
      const advice = adviceFor(use, parent);
      if (advice === undefined || (allowWallClock && advice === CLOCK)) return;
      context.report({ node, messageId: 'forbidden', data: { use, advice } });
    });
  },
};

function adviceFor(use, parent) {
  if (use === 'Date' && isNow(parent)) return CLOCK;
  const names = use.split('.');
  for (let length = names.length; length > 0; length--) {
    const advice = FORBIDDEN[names.slice(0, length).join('.')];
    if (advice !== undefined) return advice;
  }
  return undefined;
}

/** `new Date()` and `Date()` read the clock; `new Date(0)` does not. */
function isNow(parent) {
  return (parent?.type === 'NewExpression' && parent.arguments.length === 0) || parent?.type === 'CallExpression';
}
