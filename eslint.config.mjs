import eslint from '@eslint/js';
import prettier from 'eslint-config-prettier/flat';
import { createNodeResolver, importX } from 'eslint-plugin-import-x';
import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';
import rookery from './tools/eslint/index.mjs';

const SPECS = '**/*.spec.ts';
const UNUSED_VARS = { argsIgnorePattern: '^_', varsIgnorePattern: '^_' };

export default defineConfig(
  { ignores: ['**/dist/**', '**/coverage/**', 'docs/**', '**/node_modules/**', 'test/package/consumers/**'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  eslint.configs.recommended,
  {
    plugins: { rookery },
    rules: {
      'no-unused-vars': ['error', UNUSED_VARS],
      'rookery/environment': 'error',
      'rookery/no-silent-catch': 'error',
      'rookery/verified-tls': 'error',
    },
  },
  {
    files: ['**/*.ts'],
    extends: [...tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/consistent-type-imports': [
        'error',
        { fixStyle: 'inline-type-imports', prefer: 'type-imports' },
      ],
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-unused-vars': ['error', UNUSED_VARS],
    },
  },

  // What is shipped.
  {
    files: ['{libs,apps}/**/*.ts'],
    plugins: { 'import-x': importX },
    settings: {
      'import-x/parsers': { '@typescript-eslint/parser': ['.ts'] },
      'import-x/resolver-next': [
        createNodeResolver({
          extensions: ['.ts', '.js'],
          extensionAlias: { '.js': ['.ts', '.js'] },
          tsconfig: { configFile: `${import.meta.dirname}/tsconfig.json` },
        }),
      ],
    },
    rules: {
      'import-x/no-cycle': ['error', { ignoreExternal: true }],
      'no-console': 'error',
      'rookery/layers': 'error',
    },
  },
  {
    files: ['libs/*/src/**/*.ts'],
    ignores: ['libs/runtime/**', SPECS],
    rules: { 'rookery/time-and-chance': 'error' },
  },
  {
    files: ['apps/*/src/**/*.ts'],
    ignores: [SPECS],
    rules: { 'rookery/time-and-chance': ['error', { allowWallClock: true }] },
  },

  // What is not.
  {
    files: [SPECS, '{test,bench}/**/*.ts', 'libs/*/test/**/*.ts'],
    rules: {
      '@typescript-eslint/no-explicit-any': 'off',
      '@typescript-eslint/no-unnecessary-type-assertion': 'off', // wrong about the matchers of `expect`
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/unbound-method': 'off',
    },
  },
  {
    files: ['apps/*/src/config.ts', '{test,bench,tools}/**', 'libs/*/test/**', SPECS],
    rules: { 'rookery/environment': 'off' },
  },
  {
    files: ['**/*.{js,mjs,cjs}'],
    languageOptions: {
      globals: Object.fromEntries(
        [
          'AbortController',
          'AbortSignal',
          'Buffer',
          'URL',
          'clearInterval',
          'clearTimeout',
          'console',
          'fetch',
          'performance',
          'process',
          'setImmediate',
          'setInterval',
          'setTimeout',
        ].map((name) => [name, 'readonly']),
      ),
    },
  },
  {
    files: ['apps/*/public/**/*.js'],
    languageOptions: {
      globals: Object.fromEntries(
        ['devicePixelRatio', 'document', 'EventSource', 'getComputedStyle', 'matchMedia', 'ResizeObserver'].map(
          (name) => [name, 'readonly'],
        ),
      ),
    },
  },
  prettier,
);
