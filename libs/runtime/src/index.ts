export { type Clock, delayProblem, systemClock, type Timer } from './clock.js';
export { describeError, describeErrorWithStack, describeValue } from './describe-error.js';
export { formatFields, type LogFields, type Logger, printable, silentLogger, stderrLogger } from './logger.js';
export { type Random, systemRandom } from './random.js';
export { steadyLogger } from './steady-logger.js';
export { isThenable } from './thenable.js';
