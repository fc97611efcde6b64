// Only the rules that need types, which Biome infers too little of (docs/decisions/0001-dependencies.md).
// Everything else about code is Biome's: biome.json. scripts/prove-lint.sh proves that these rules notice.
import plugin from '@typescript-eslint/eslint-plugin'
import parser from '@typescript-eslint/parser'

export default [
  { ignores: ['test/fixtures/**'] },
  {
    files: ['src/**/*.ts', 'test/**/*.ts', 'scripts/**/*.ts'],
    languageOptions: {
      parser,
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    plugins: { typed: plugin },
    rules: {
      // node:test's own functions return promises that its runner awaits.
      'typed/no-floating-promises': [
        'error',
        {
          allowForKnownSafeCalls: [
            { from: 'package', package: 'node:test', name: ['test', 'describe', 'it', 'suite'] },
          ],
        },
      ],
      'typed/no-misused-promises': 'error',
      'typed/await-thenable': 'error',
      'typed/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
    },
  },
]
