/** The suites that `npm test` runs: they need nothing but Node and what npm installs. */
import { faces } from './tools/layers.mjs';

/** Folders of `test/` with a script of their own, `npm run test:<folder>`: they need a build, a browser, a database or root, and time. */
export const APART = ['brokers', 'browser', 'endurance', 'faults', 'package', 'postgres', 'processes', 'start'];

/** @type {import('jest').Config} */
export default {
  rootDir: '.',
  testEnvironment: 'node',
  testMatch: ['<rootDir>/{apps,libs,test}/**/*.spec.ts'],
  testPathIgnorePatterns: ['/node_modules/', `<rootDir>/test/(${APART.join('|')})/`],
  extensionsToTreatAsEsm: ['.ts'],
  moduleFileExtensions: ['ts', 'js', 'mjs', 'cjs', 'json', 'node'],
  transform: { '^.+\\.ts$': ['@swc/jest'] },
  moduleNameMapper: {
    ...Object.fromEntries([...faces].map(([alias, source]) => [`^${alias}$`, `<rootDir>/${source}`])),
    '^(\\.{1,2}/.*)\\.js$': '$1',
  },
  modulePathIgnorePatterns: ['<rootDir>/dist/'],
  collectCoverageFrom: ['libs/*/src/**/*.ts', 'apps/*/src/**/*.ts', '!**/main.ts', '!**/index.ts'],
  coverageProvider: 'v8',
  injectGlobals: false,
  reporters: ['default', '<rootDir>/tools/plain-reporter.mjs'],
};
