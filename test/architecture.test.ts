// Who may import whom. The tables below are the rule; the tests hold it, and prove that they would
// notice a violation. Type-only imports count: they tie rooms together as firmly as any other.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { dirname, join, posix } from 'node:path'
import test from 'node:test'

// --- the rule ------------------------------------------------------------------------------------

/** What the composition root builds from. */
const COMPOSED: readonly string[] = [
  ...['core', 'base', 'native', 'formats', 'transport', 'router', 'attribution', 'config', 'collectors'],
  ...['sampler', 'symbols', 'consumers', 'consumers/*', 'server', 'tracing'],
]

/** Rooms and what they may import besides themselves. `consumers/*` stands for one room per consumer. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  base: [],
  core: ['base'],
  native: ['core', 'base'],
  formats: ['core', 'base'],
  transport: ['core', 'base'],
  router: ['core', 'base'],
  attribution: ['core', 'base'],
  config: ['core', 'base'],
  migration: ['core', 'base'],
  collectors: ['core', 'base'],
  sampler: ['core', 'base', 'native', 'formats'],
  symbols: ['core', 'base', 'native'],
  'consumers/*': ['core', 'base', 'formats', 'transport'],
  consumers: ['core', 'base', 'consumers/*'], // the catalogue
  server: ['core', 'base', 'formats'],
  tracing: ['core', 'base'], // spans of Sonde's own work; the only room that knows the OpenTelemetry SDK
  'worker.ts': ['core', 'base', 'formats'], // the entry of the worker thread
  // The composition root, in three files.
  'agent.ts': [...COMPOSED, 'open-pipeline.ts'],
  'replay-run.ts': [...COMPOSED, 'open-pipeline.ts'],
  'open-pipeline.ts': COMPOSED,
  cli: [
    'agent.ts',
    'replay-run.ts',
    'open-pipeline.ts',
    'config',
    'formats',
    'migration',
    'symbols',
    'sampler',
    'core',
    'base',
  ],
  'main.ts': ['cli'],
}

/** Rooms of values and bytes: no files, sockets, processes or threads. */
const PURE_ROOMS: readonly string[] = ['core', 'formats']
const OUTSIDE_MODULES: readonly string[] = [
  ...[
    'fs',
    'fs/promises',
    'net',
    'tls',
    'http',
    'https',
    'http2',
    'dgram',
    'dns',
    'dns/promises',
    'child_process',
  ],
  ...[
    'worker_threads',
    'cluster',
    'readline',
    'readline/promises',
    'repl',
    'tty',
    'inspector',
    'inspector/promises',
  ],
]

/** Rooms without npm packages. */
const BARE_ROOMS: readonly string[] = ['base']

// --- reading imports -----------------------------------------------------------------------------

/** The module specifiers of a source: static, dynamic and type-only imports, and re-exports. */
function importsOf(source: string): readonly string[] {
  const { code, strings } = withoutComments(source)
  const specifiers: string[] = []
  const patterns = [
    /\b(?:import|export)\b[^;"()=]*?\bfrom\s*"(\d+)"/g, // import … from, export … from
    /\bimport\s*"(\d+)"/g, // for its effects only
    /\b(?:import|require)\s*\(\s*"(\d+)"/g, // dynamic, and import('…').Type
  ]
  for (const pattern of patterns) {
    for (const [, index] of code.matchAll(pattern)) specifiers.push(strings[Number(index)] ?? '')
  }
  for (const _ of code.matchAll(/\bimport\s*\(\s*(?!["\s])/g)) specifiers.push('(computed)')
  return specifiers
}

/** The source without comments, and each string replaced by its number in quotes: nothing in it can look like code. */
function withoutComments(source: string): { readonly code: string; readonly strings: readonly string[] } {
  // In order: comments, strings, templates, regular expressions where a value may begin.
  const tokens =
    /\/\/[^\n]*|\/\*[\s\S]*?\*\/|'((?:[^'\\\n]|\\.)*)'|"((?:[^"\\\n]|\\.)*)"|`((?:[^`\\]|\\[\s\S])*)`|(?<=[=(,:[!&|?{};\n]\s*|\breturn\s+)\/(?![*/])(?:[^/\\\n[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\//g
  const strings: string[] = []
  const code = source.replace(tokens, (token, single?: string, double?: string, template?: string) => {
    if (token.startsWith('//') || token.startsWith('/*')) return ' '
    const text = single ?? double ?? template
    if (text === undefined) return '/ /'
    // Code inside a template still counts.
    const embedded = template?.includes('import(') ? (template.match(/import\([^)]*\)/g) ?? []).join(' ') : ''
    const nested =
      embedded === ''
        ? ''
        : ` ${embedded.replace(/'([^']*)'/g, (_, s: string) => `"${strings.push(s) - 1}"`)}`
    return `"${strings.push(text) - 1}"${nested}`
  })
  return { code, strings }
}

// --- holding them against the rule ---------------------------------------------------------------

/** The room of a path below src: a folder, a file beside the folders, or one consumer. */
function roomOf(path: string): string {
  const [first = '', second, third] = path.split('/')
  if (second === undefined) return first
  return first === 'consumers' && third !== undefined ? `consumers/${second}` : first
}

const ruleOf = (room: string): string => (room.startsWith('consumers/') ? 'consumers/*' : room)

/** Says what is wrong with the imports of one file; `path` is below src. */
function violations(path: string, source: string, packages: ReadonlySet<string>): readonly string[] {
  const room = roomOf(path)
  const allowed = MAY_IMPORT[ruleOf(room)]
  if (allowed === undefined) return [`${path}: no room '${room}' in the table of test/architecture.test.ts`]
  return importsOf(source).flatMap((specifier) => {
    const problem = specifier.startsWith('.')
      ? roomProblem(path, specifier, room, allowed)
      : outsideProblem(specifier, room, packages)
    return problem === undefined ? [] : [`${path}: ${problem}`]
  })
}

function roomProblem(
  path: string,
  specifier: string,
  room: string,
  allowed: readonly string[],
): string | undefined {
  const target = posix.join(posix.dirname(path), specifier)
  if (target === '../package.json') return undefined // the version
  if (target.startsWith('..')) return `imports ${specifier}, which is outside src`
  const targetRoom = roomOf(target)
  if (targetRoom === room || allowed.includes(ruleOf(targetRoom))) return undefined
  return `${room} may not import ${targetRoom} (${specifier})`
}

function outsideProblem(specifier: string, room: string, packages: ReadonlySet<string>): string | undefined {
  if (specifier === '(computed)') return 'a computed import() cannot be checked'
  if (specifier.startsWith('node:')) {
    const name = specifier.slice('node:'.length)
    if (!PURE_ROOMS.includes(room) || !OUTSIDE_MODULES.includes(name)) return undefined
    return `${room} is pure and may not import ${specifier}`
  }
  if (builtinModules.includes(specifier)) return `write node:${specifier}`
  const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
  if (BARE_ROOMS.includes(room)) return `${room} may not import packages (${specifier})`
  return packages.has(name) ? undefined : `${specifier} is not in the dependencies of package.json`
}

/** Says what is wrong with the includes of one native file; `path` is below native. */
function nativeViolations(path: string, source: string): readonly string[] {
  const inAddon = path.startsWith('addon/')
  return [...source.matchAll(/^[ \t]*#[ \t]*include[ \t]*[<"]([^>"]+)[>"]/gm)].flatMap(
    ([, included = '']) => {
      if (!inAddon && /(^|\/)(napi[^/]*|node_api[^/]*|js_native_api[^/]*)\.h$/.test(included)) {
        return [`${path}: ${included} belongs into native/addon only`]
      }
      if (!inAddon && /(^|\/)addon\//.test(included))
        return [`${path}: nothing but the addon includes ${included}`]
      if (included.endsWith('.bpf.c')) return [`${path}: no program includes another's (${included})`]
      return []
    },
  )
}

// --- the tests -----------------------------------------------------------------------------------

const root = dirname(import.meta.dirname)

function filesBelow(folder: string, extension: RegExp): readonly string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && extension.test(entry.name))
    .map((entry) => posix.relative(join(root, folder), join(entry.parentPath, entry.name)))
    .sort()
}

const read = (...path: readonly string[]): string => readFileSync(join(root, ...path), 'utf8')

function runtimePackages(): ReadonlySet<string> {
  const { dependencies } = JSON.parse(read('package.json')) as { dependencies: Record<string, string> }
  return new Set(Object.keys(dependencies))
}

test('rooms import only what the table allows', () => {
  const packages = runtimePackages()
  const files = filesBelow('src', /\.ts$/)
  assert.ok(files.length > 0, 'no sources were found')
  assert.deepEqual(
    files.flatMap((path) => violations(path, read('src', path), packages)),
    [],
  )
})

test('N-API stays in the addon, and the core does not know the addon', () => {
  const files = filesBelow('native', /\.(cc|h|c)$/)
  assert.ok(files.length > 0, 'no native sources were found')
  assert.deepEqual(
    files.flatMap((path) => nativeViolations(path, read('native', path))),
    [],
  )
})

const NOTICED: readonly (readonly [what: string, path: string, source: string])[] = [
  ['a static import', 'core/a.ts', `import { x } from '../router/lane.ts'`],
  ['a type-only import', 'core/a.ts', `import type { X } from '../router/lane.ts'`],
  ['an inline type import', 'core/a.ts', `import { type X } from '../router/lane.ts'`],
  [
    'an import over several lines',
    'core/a.ts',
    `import {\n  a, // the 'first'\n  b,\n} from '../router/lane.ts'`,
  ],
  ['an import for its effects', 'core/a.ts', `import '../router/lane.ts'`],
  ['an import with attributes', 'core/a.ts', `import x from '../router/x.json' with { type: 'json' }`],
  ['a re-export', 'core/a.ts', `export { x } from '../router/lane.ts'`],
  ['a re-export of everything', 'core/a.ts', `export * from "../router/lane.ts"`],
  ['a re-export of types', 'core/a.ts', `export type * from '../router/lane.ts'`],
  ['a dynamic import', 'core/a.ts', `const x = await import('../router/lane.ts')`],
  ['the type of a dynamic import', 'core/a.ts', `let x: import('../router/lane.ts').Lane`],
  [
    'an import after a confusing expression',
    'core/a.ts',
    `const r = /['"\`]/\nexport * from '../router/lane.ts'`,
  ],
  ['an import after an apostrophe', 'core/a.ts', `// it's\nimport { x } from '../router/lane.ts'`],
  ['a computed import', 'cli/a.ts', `await import(name)`],
  ['a consumer that imports another', 'consumers/files/a.ts', `import { x } from '../perf-data/index.ts'`],
  ['a consumer that imports the catalogue', 'consumers/files/a.ts', `import { x } from '../catalog.ts'`],
  ['anything in base', 'base/a.ts', `import type { X } from '../core/units.ts'`],
  ['a package in base', 'base/a.ts', `import { z } from 'zod'`],
  ['main reaching past the command line', 'main.ts', `import { x } from './agent.ts'`],
  ['the agent importing a command', 'agent.ts', `import { x } from './cli/run.ts'`],
  ['files in core', 'core/a.ts', `import { readFileSync } from 'node:fs'`],
  ['sockets in formats', 'formats/a.ts', `import http from 'node:http'`],
  ['threads in formats', 'formats/a.ts', `import { Worker } from 'node:worker_threads'`],
  ['a builtin without its prefix', 'cli/a.ts', `import path from 'path'`],
  ['a development package', 'cli/a.ts', `import { build } from 'esbuild'`],
  ['something outside src', 'cli/a.ts', `import { x } from '../../test/support.ts'`],
  ['a room nobody planned', 'utils/a.ts', `export const x = 1`],
]

for (const [what, path, source] of NOTICED) {
  test(`the table notices ${what}`, () => {
    assert.equal(violations(path, source, new Set(['zod'])).length, 1)
  })
}

test('the table lets through what is allowed, and what only looks like an import', () => {
  const allowed: readonly (readonly [path: string, source: string])[] = [
    [
      'core/a.ts',
      `import { x } from './b.ts'\nimport type { Y } from '../base/lru-map.ts'\nimport { z } from 'zod'`,
    ],
    ['formats/pprof/a.ts', `import { gzipSync } from 'node:zlib'\nimport { x } from '../../core/units.ts'`],
    ['consumers/files/a.ts', `import { x } from '../../formats/pprof/index.ts'\nimport './b.ts'`],
    ['consumers/catalog.ts', `import { files } from './files/index.ts'`],
    ['core/a.ts', `// import { x } from '../router/lane.ts'\n/* import('../router/lane.ts') */`],
    ['core/a.ts', `const text = "import { x } from '../router/lane.ts'"`],
    ['cli/a.ts', `import description from '../../package.json' with { type: 'json' }`],
  ]
  assert.deepEqual(
    allowed.flatMap(([path, source]) => violations(path, source, new Set(['zod']))),
    [],
  )
})

test('the native rule notices N-API outside the addon, the way back, and a shared program', () => {
  assert.equal(nativeViolations('core/perf/a.cc', '#include <napi.h>').length, 1)
  assert.equal(nativeViolations('core/perf/a.cc', '#  include "node_api.h"').length, 1)
  assert.equal(nativeViolations('core/perf/a.h', '#include "addon/registry.h"').length, 1)
  assert.equal(nativeViolations('core/perf/a.h', '#include "../../addon/registry.h"').length, 1)
  assert.equal(nativeViolations('bpf/a.bpf.c', '#include "b.bpf.c"').length, 1)
  assert.equal(nativeViolations('addon/a.cc', '#include <napi.h>\n#include "core/perf/a.h"').length, 0)
})

test('the table names only rooms that it has', () => {
  const rooms = new Set(Object.keys(MAY_IMPORT))
  for (const [room, allowed] of Object.entries(MAY_IMPORT)) {
    for (const other of allowed) assert.ok(rooms.has(other), `${room} may import ${other}, which is no room`)
  }
})
