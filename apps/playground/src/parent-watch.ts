/**
 * Notices that the parent process is gone. npm runs a script through a shell, and hands SIGTERM to that shell only: the
 * shell ends without a word to what it runs, which then would stay for ever.
 */
import { systemClock } from '@rookery/runtime';

const LOOK_MS = 250;

/** Calls back once, when this process was left to another parent. */
export function whenOrphaned(onOrphaned: () => void): void {
  const parent = process.ppid;
  const look = (): void => {
    if (process.ppid === parent) systemClock.after(LOOK_MS, look);
    else onOrphaned();
  };
  look();
}
