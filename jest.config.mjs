/** @type {import('jest').Config} */
export default {
  rootDir: '.',
  testEnvironment: 'node',
  testMatch: ['<rootDir>/{apps,libs,test}/**/*.spec.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  moduleFileExtensions: ['ts', 'js', 'mjs', 'cjs', 'json', 'node'],
  transform: { '^.+\\.ts$': ['@swc/jest'] },
  moduleNameMapper: {
    '^@rookery/([a-z-]+)$': '<rootDir>/libs/$1/src/index.ts',
    '^rookery$': '<rootDir>/libs/cluster/src/index.ts',
    '^rookery/mesh$': '<rootDir>/libs/node/src/index.ts',
    '^rookery/(discovery|dashboard)$': '<rootDir>/libs/$1/src/index.ts',
    '^(\\.{1,2}/.*)\\.js$': '$1',
  },
  modulePathIgnorePatterns: ['<rootDir>/dist/'],
  collectCoverageFrom: ['libs/*/src/**/*.ts', 'apps/*/src/**/*.ts', '!**/main.ts', '!**/index.ts'],
  coverageProvider: 'v8',
  injectGlobals: false,
  reporters: ['default', '<rootDir>/tools/plain-reporter.mjs'],
};
