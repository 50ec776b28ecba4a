/**
 * What runs in the process of a replica: the application whose `main.js` is named by the first argument, and one rule.
 * When the playground is gone, however it went, the channel to it closes and the replica ends: politely, as on SIGTERM,
 * and by force if that takes too long. The sample applications themselves know nothing of all this.
 */
import { systemClock } from '@rookery/runtime';

const GOODBYE_MS = 10_000;

const [application] = process.argv.slice(2);
if (application === undefined) throw new Error('Name the module of the application as the argument.');

process.once('disconnect', end);
process.channel?.unref(); // the channel alone is no reason to stay
if (process.connected) await import(application);
else end(); // the playground was gone before anybody could listen for that

function end(): void {
  process.kill(process.pid, 'SIGTERM');
  systemClock.after(GOODBYE_MS, () => process.kill(process.pid, 'SIGKILL'));
}
