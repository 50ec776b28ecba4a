/** What the playground says in the terminal. Pure. */
import { PORT_VARIABLE } from '../config.js';
import type { Replica } from '../fleet/replica.js';

export function startingText(count: number): string {
  return `\n  Rookery playground: starting ${count} replicas\n`;
}

/** The one table and the one address to open, if there is anything to see. */
export function readyText({
  replicas,
  url,
  logFolder,
}: {
  replicas: readonly Replica[];
  url: string;
  logFolder: string;
}): string {
  const rows = replicas.map(({ name, pid, url, state, end }) =>
    state === 'up' ? [name, String(pid), url ?? ''] : [name, '-', `${state}: ${end}`],
  );
  const shown = indented(table(['replica', 'pid', 'address'], rows));
  if (replicas.every(({ state }) => state !== 'up')) {
    return `\n${shown}\n\n  No replica came up.\n\n  Logs  ${logFolder}\n`;
  }
  return `
${shown}

  Open  ${url}

  Logs  ${logFolder}
  End   Ctrl-C
`;
}

/** A replica that came to an end which nobody asked for. */
export function endedText({ name, end }: Replica, lines: readonly string[], logFile: string): string {
  const shown = lines.length > 0 ? `\n${indented(lines.map((line) => `| ${line}`))}` : '';
  return `\n  ${name} ${end}. Its log: ${logFile}${shown}\n`;
}

export function alreadyRunningText(url: string): string {
  return `\n  The playground is running already: ${url}\n  Nothing was started. End that one with Ctrl-C first.\n`;
}

export function portTakenText(port: number): string {
  return `\n  Port ${port} of 127.0.0.1 is taken by something else. Choose another one:\n\n    ${PORT_VARIABLE}=${port < 65_000 ? port + 100 : 3100} npm start\n`;
}

export function endingText(count: number): string {
  if (count === 0) return '\n';
  return `\n  Ending ${count} ${count === 1 ? 'replica' : 'replicas'}. Ctrl-C once more kills them at once.\n`;
}

export const ENDED_TEXT = '  Everything has ended.\n';
export const KILLED_TEXT = '  Everything was killed.\n';

/** Columns as wide as their widest cell. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): readonly string[] {
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]?.length ?? 0)));
  return [head, widths.map((width) => '-'.repeat(width)), ...rows].map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('   ')
      .trimEnd(),
  );
}

function indented(lines: readonly string[]): string {
  return lines.map((line) => `  ${line}`).join('\n');
}
