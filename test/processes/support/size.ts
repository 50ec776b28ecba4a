/** How much of a scenario is run: a little by default, all of it with `FULL=1`, and any size by the variable of its name. */
export function size(name: string, little: number, full: number): number {
  const value = process.env[name];
  if (value !== undefined && value !== '') return Number(value);
  return process.env['FULL'] === '1' ? full : little;
}
