import { createHash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { cookieProblem } from './cookie.js';

/** What a generator would make of an alphabet; the same at every run. */
function made(alphabet: string, length: number, seed: number): string {
  const signs = [...alphabet];
  return Array.from(
    { length },
    (_, at) => signs[createHash('sha256').update(`${seed}/${at}`).digest().readUInt32BE() % signs.length],
  ).join('');
}

const DIGITS = '0123456789';
const LATIN = 'abcdefghijklmnopqrstuvwxyz';
const SIGNS = '!"#$%&()*+,-./:;<=>?@[]^_{|}~';

describe('a cookie that a generator made will do', () => {
  it.each([
    ['hexadecimal digits', `${DIGITS}abcdef`, 32],
    ['decimal digits', DIGITS, 24],
    ['digits and dashes', `${DIGITS}-`, 24],
    ['latin letters', LATIN, 16],
    ['base64', `${LATIN}${LATIN.toUpperCase()}${DIGITS}+/`, 16],
    ['all that a keyboard has', `${LATIN}${LATIN.toUpperCase()}${DIGITS}${SIGNS}`, 16],
    ['signs', SIGNS, 24],
    ['Cyrillic letters', 'абвгдежзийклмнопрстуфхцчшщъыьэюя', 16],
    ['Greek letters', 'αβγδεζηθικλμνξοπρστυφχψω', 16],
    ['Arabic letters', 'ابتثجحخدذرزسشصضطظعغفقكلمنهوي', 16],
    ['Devanagari, with vowel signs', 'कखगघचछजझटठडढणतथदधनपफबभमािीुूेैोौ', 16],
    ['Chinese characters', '天地玄黄宇宙洪荒日月盈昃辰宿列张寒来暑往', 16],
    ['Arabic-Indic digits', '٠١٢٣٤٥٦٧٨٩', 24],
  ])('of %s', (_name, alphabet, length) => {
    const refused = Array.from({ length: 300 }, (_, seed) => made(alphabet, length, seed)).filter(
      (cookie) => cookieProblem(cookie) !== undefined,
    );
    expect(refused).toEqual([]);
  });

  it.each([
    '8346-1920-5571-0389',
    '0b46e1ce-8f0c-4a5f-9d3c-2d1b6f2f8b1d',
    'correct horse battery staple',
    'QJ3v_8sKx-0Lm2pZ',
    'верная лошадь батарея',
    'test-3f9a1c77e05b', // a well-known word takes nothing from the rest
  ])('%p, too', (cookie) => {
    expect(cookieProblem(cookie)).toBeUndefined();
  });
});

describe('a cookie that anybody would guess is refused', () => {
  it.each([
    ['secretsecretsecret', 'well-known'],
    ['SecretSECRETsecret', 'well-known'],
    ['changeme-changeme', 'well-known'],
    ['please-change-me-now', 'well-known'],
    ['my-super-secret-cookie', 'well-known'],
    ['test-cluster-cookie-123', 'well-known'],
    ['rookery.rookery.rookery', 'well-known'],
    ['!!!secret!!!password!!!', 'well-known'],
    ['1234567890123456', 'well-known'],
    ['1234567812345678', 'well-known'],
    ['0123456789012345', 'well-known'],
    ['0123456789abcdef', 'well-known'],
    ['9876543210987654', 'well-known'],
    ['abcdefghijklmnop', 'well-known'],
    ['abcdefghij1234567890', 'well-known'],
    ['qwertyuiopqwertyuiop', 'well-known'],
    ['QwertyUiop-Asdfghjkl', 'well-known'],
    ['!@#$%^&*()!@#$%^&*()', 'well-known'],
    ['----------------', 'well-known'],
    ['aaaaaaaaaaaaaaaaaaaa', 'repeats'],
    ['ababababcdcdcdcd', 'repeats'],
    ['йцйцйцйцйцйцйцйц', 'repeats'],
    ['f00f00f00f00f00f00', 'repeats'],
    ['0123456789abcde', '15 characters'],
    ['', '0 characters'],
  ])('%p', (cookie, word) => {
    const problem = cookieProblem(cookie);
    expect(problem).toContain(word);
    expect(problem).toMatch(/^cookie: .*openssl rand -hex 32$/);
    if (cookie.trim() !== '') expect(problem).not.toContain(cookie);
  });

  it.each([[' '.repeat(20)], ['b5a1c0ffee5e7aab90d21f00\n'], ['\tb5a1c0ffee5e7aab90d21f00']])(
    '%j, which nobody typed',
    (cookie) => {
      expect(cookieProblem(cookie)).toMatch(/^cookie: begins or ends with white space.*Trim it/);
    },
  );

  it.each([
    ['abc\n', 'has 3 characters'],
    [' '.repeat(20), 'has 0 characters'],
    ['changeme-changeme\n', 'is made of well-known words'],
    ['b5a1c0ffee5e7aab90d21f00\n', undefined],
  ])('%j, with what is wrong with the rest of it', (cookie, rest) => {
    const problem = cookieProblem(cookie);
    expect(problem).toMatch(/^cookie: begins or ends with white space.*Trim it/);
    if (rest === undefined) expect(problem).not.toContain('Trimmed');
    else expect(problem).toContain(`Trimmed, it ${rest}`);
  });

  it.each([undefined, null, 1234567890123456, ['6f1d1a1e0b7c4e2f9a3d']])('%p, which is no text', (cookie) => {
    expect(cookieProblem(cookie)).toBe('cookie: must be a string of at least 16 characters.');
  });
});
