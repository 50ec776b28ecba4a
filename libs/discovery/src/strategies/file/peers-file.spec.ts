import { describe, expect, it } from '@jest/globals';
import { MAX_FILE_PEERS, parsePeersFile } from './peers-file.js';

const peersOf = (text: string, format?: 'json' | 'hosts', port?: number): unknown =>
  parsePeersFile(text, format, port).peers?.map((peer) => `${peer.host} ${peer.port}`);
const problemsOf = (text: string, format?: 'json' | 'hosts', port?: number): readonly string[] | undefined =>
  parsePeersFile(text, format, port).problems;

describe('parsePeersFile', () => {
  it('reads JSON: records and texts, in an array or as peers', () => {
    const list = '[{ "host": "app-1.internal", "port": 4370, "rack": 2 }, "10.0.3.7:4371", "[fd00::1]:4372"]';
    const peers = ['10.0.3.7 4371', 'fd00::1 4372', 'app-1.internal 4370'];
    expect(peersOf(list)).toEqual(peers);
    expect(peersOf(`\uFEFF  { "version": 3, "peers": ${list} }`)).toEqual(peers);
  });

  it('gives entries without a port that of the options', () => {
    expect(peersOf('[{ "host": "a" }, "b", "fd00::2", "[fd00::1]", "c:1"]', undefined, 4370)).toEqual([
      'fd00::1 4370',
      'fd00::2 4370',
      'a 4370',
      'b 4370',
      'c 1',
    ]);
  });

  it('reads a hosts file: the address of each line, without names and comments', () => {
    const text = '# rendered\r\n10.0.3.7\tapp-1 app-1.internal # rack 2\n\n  fd00::1 app-2\n10.0.3.7 again#';
    expect(peersOf(text, 'hosts', 4370)).toEqual(['10.0.3.7 4370', 'fd00::1 4370']);
    expect(peersOf(text, undefined, 4370)).toEqual(['10.0.3.7 4370', 'fd00::1 4370']);
  });

  it.each(['[]', '{ "peers": [] }', '\n', '# nobody yet\n'])('takes %j for a list of nobody', (text) => {
    expect(peersOf(text, undefined, 4370)).toEqual([]);
  });

  it('takes an empty text for one that is just being written', () => {
    expect(problemsOf('', 'hosts', 4370)).toEqual([expect.stringContaining('it is empty; a list of nobody is [] in')]);
    expect(problemsOf('', 'json')).toHaveLength(1);
  });

  it('names every problem of a JSON list with its line', () => {
    const text = `[
  { "host": "10.0.3.7", "port": 4370 },
  { "host": "0.0.0.0", "port": "4370" },
  { "prot": 1 },
  "10.0.3.7",
  "a:b:c", "x:99999",
  7
]`;
    expect(problemsOf(text)).toEqual([
      expect.stringMatching(/^line 3: host must .* is for listening only, port must be an integer .*, got '4370'$/),
      expect.stringMatching(/^line 4: host is missing, .*, port is missing, /),
      expect.stringMatching(/^line 5: port is missing, /),
      expect.stringMatching(/^line 6: must be { host, port } or "host:port", got 'a:b:c'$/),
      expect.stringMatching(/^line 6: port must be .*, got 99999$/),
      expect.stringMatching(/^line 7: must be { host, port } or "host:port", got 7$/),
    ]);
  });

  it('names every problem of a hosts file with its line', () => {
    expect(problemsOf('10.0.3.7 a\napp-1\n0.0.0.0 b\n{', 'hosts', 4370)).toEqual([
      'line 2: app-1 is no IP address, with which a line begins, without a port',
      expect.stringMatching(/^line 3: host must .* is for listening only$/),
      'line 4: { is no IP address, with which a line begins, without a port',
    ]);
    expect(problemsOf('10.0.3.7 a')).toEqual(['a hosts file names no port: give file() the option port']);
  });

  it.each(['[{ "host": "10.0', '[\n"a:1",,\n]', '{ "peers": [', '[] x', '{'])('refuses the broken JSON %j', (text) => {
    expect(problemsOf(text, 'json')).toEqual([expect.stringContaining('it is no JSON, or only half of it: ')]);
  });

  it('tells the line of broken JSON where the engine tells the place', () => {
    expect(problemsOf('[\n  "a:1"\n  "b:2"\n]')).toEqual([expect.stringMatching(/^line 3: it is no JSON/)]);
  });

  it('tells the line of a comma too many, as loops of templates leave it', () => {
    expect(problemsOf('[\n  "a:1",\n  "b:2",\n]')).toEqual([expect.stringMatching(/^line 4: it is no JSON/)]);
  });

  it.each(['null', '7', '"a:1"', '{}', '{ "peers": {} }', '{ "hosts": [] }'])(
    'refuses %s, which is no list',
    (text) => {
      expect(problemsOf(text, 'json')).toEqual([expect.stringMatching(/^it must be an array of /)]);
    },
  );

  it('tells ten problems and counts the others', () => {
    const problems = problemsOf(JSON.stringify(Array(500).fill(7)))!;
    expect(problems).toHaveLength(11);
    expect(problems[10]).toBe('and 490 more');
  });

  it('refuses a list that is longer than what is looked at', () => {
    const list = Array.from({ length: MAX_FILE_PEERS + 1 }, (_, i) => `10.0.${i >> 8}.${i & 255}:1`);
    expect(problemsOf(JSON.stringify(list))).toEqual([
      expect.stringMatching(/^it lists 2001 peers, more than the 2000/),
    ]);
    expect(peersOf(JSON.stringify(list.slice(1)))).toHaveLength(MAX_FILE_PEERS);
  });
});
