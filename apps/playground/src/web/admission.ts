/**
 * Whether a request comes from the page itself. Pure.
 *
 * The playground can end processes, and every web site a person visits can send requests to 127.0.0.1 through that
 * person's browser. Two headers tell them apart, and no script can forge them: `Host` names the address the browser
 * believes to talk to (another one means that a foreign name was made to point here: DNS rebinding), `Origin` the page
 * that asks (another one means that a foreign page does: cross-site request forgery).
 */

export interface RequestFacts {
  readonly method: string;
  readonly host: string | undefined;
  readonly origin: string | undefined;
}

const HOSTS = ['127.0.0.1', 'localhost'];
const READING = ['GET', 'HEAD'];

/** Why the request is refused; undefined when it is not. */
export function refusalOf({ method, host, origin }: RequestFacts, port: number): string | undefined {
  if (host === undefined || !addresses(port).includes(host.toLowerCase())) {
    return `This page is only served as ${HOSTS.map((name) => `${name}:${port}`).join(' or ')}.`;
  }
  if (READING.includes(method)) return undefined; // changes nothing, and without CORS no foreign page can read the answer
  if (origin?.toLowerCase() === `http://${host.toLowerCase()}`) return undefined;
  return 'Only the page of the playground itself may change anything: the Origin header must be its address.';
}

function addresses(port: number): readonly string[] {
  return HOSTS.flatMap((name) => (port === 80 ? [name, `${name}:80`] : [`${name}:${port}`]));
}
