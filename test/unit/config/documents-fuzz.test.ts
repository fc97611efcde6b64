// Damaged configurations: whatever is in one, it comes to documents or to problems at their places, soon.
//
// SONDE_FUZZ_DOCUMENTS=10000 runs longer (npm run fuzz -- documents); SONDE_FUZZ_SEED takes another way.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parse } from 'yaml'
import { parseAgentDocument } from '../../../src/config/agent-config.ts'
import { collectionsOf, NOTHING_HELD, nextState } from '../../../src/config/config-state.ts'
import { type ConfigDocument, MAX_CONFIG_TEXT, readDocuments } from '../../../src/config/documents.ts'
import { loadConsumers } from '../../../src/consumers/catalog.ts'
import { AgentError } from '../../../src/core/errors.ts'
import type { ProfileCollection } from '../../../src/core/profile-collection.ts'
import { checkEventName } from '../../../src/sampler/events/choose.ts'
import { Mutations } from '../../support/mutations.ts'

const COUNT = Number(process.env.SONDE_FUZZ_DOCUMENTS ?? 1_000)
const SEED = Number(process.env.SONDE_FUZZ_SEED ?? 8)
/** Far more than any of these small texts takes, on a busy machine too. */
const MAX_MS = 60_000

const example = (name: string): string =>
  readFileSync(join(import.meta.dirname, '../../../config', name), 'utf8')

const EVERY_FIELD = `type: {kind: config, type: sonde.v1.ProfileCollectionConfig}
name: every-field
version: v1.2
ttl: 1.5s
event_name: page-faults:u
sample_period: 1000
interval_seconds: 30
max_stack_depth: 64
process_filters: [nginx, postgres]
kernel_stacks: false
user_stacks: true
thread_names: false
consumers: [perf_data]
`
const wrapped = (data: Buffer): string =>
  `type: {type: sonde.v1.ProfileCollectionConfig}\nname: wrapped\ndata: ${data.toString('base64')}\n`

const PAYLOADS = [
  'CgljcHUtY2xvY2sQgJTr4gQYCg==',
  'CgljcHUtY2xvY2sYCiBAKgVuZ2lueIIBAWOKAQIvYZABAZgBAaABAKoBCXBlcmZfZGF0YQ==',
].map((text) => Buffer.from(text, 'base64'))

const TEXTS = [
  example('profile-collection-config.yaml'),
  example('host-stats-collection-config.yaml'),
  example('agent.yaml'),
  EVERY_FIELD,
  `${EVERY_FIELD}---\n${wrapped(PAYLOADS[0] as Buffer)}`,
  JSON.stringify(parse(EVERY_FIELD)),
  JSON.stringify(parse(example('profile-collection-config.yaml')), null, '\t'),
]

/** What breaks parsers and what looks like something else. */
const PIECES = [
  ...[
    '\0',
    '\uFEFF',
    '\ud800',
    '\u2028',
    '\t',
    '\r',
    '\n---\n',
    '\n...\n',
    '%YAML 1.1\n---\n',
    '# ',
    '"',
    "'",
  ],
  ...[
    '{',
    '}',
    '[',
    ']',
    ': ',
    '- ',
    '? ',
    '| \n',
    '> \n',
    '&a ',
    '*a ',
    '<<: *a\n',
    '!!binary ',
    '!!set ',
    '!!js ',
  ],
  ...[
    '__proto__: {polluted: 1}\n',
    'constructor: {prototype: {polluted: 1}}\n',
    'toString: 1\n',
    'hasOwnProperty: 1\n',
  ],
  ...[
    '-1',
    '0',
    '1e999',
    '.nan',
    '0x1fffffffffffff',
    '18446744073709551616',
    'null',
    '~',
    'true',
    '2001-01-01',
  ],
  ...[
    '[[[[[[[[',
    'x'.repeat(5_000),
    '&a [*a, *a]',
    '{a: &b [*b]}',
    'kind: AgentConfig\n',
    'data: ""\n',
    'ttl: 1e9s\n',
  ],
]

const VALUES: readonly unknown[] = [
  ...[
    null,
    true,
    -1,
    0,
    0.5,
    1e300,
    Number.MAX_SAFE_INTEGER,
    '',
    '\0',
    ' ',
    'x'.repeat(300),
    '/../..',
    '0s',
    '1',
  ],
  ...[
    [],
    {},
    [null],
    [[]],
    Array.from({ length: 100 }, () => 'a'),
    { constructor: 1 },
    JSON.parse('{"__proto__": {"a": 1}}'),
  ],
]

const draws = new Mutations(SEED)
const one = <Item>(items: readonly Item[]): Item => items[draws.below(items.length)] as Item

/** A copy with another value somewhere, or without one. */
function replaced(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || draws.below(6) === 0) return one(VALUES)
  const entries = Object.entries(value)
  const chosen = draws.below(entries.length + 1)
  const changed = entries.flatMap(([key, inner], index): [string, unknown][] => {
    if (index !== chosen) return [[key, inner]]
    return draws.below(4) === 0 ? [] : [[draws.below(8) === 0 ? one(PIECES) : key, replaced(inner)]]
  })
  return Array.isArray(value) ? changed.map(([, inner]) => inner) : Object.fromEntries(changed)
}

const MUTATIONS: readonly (() => string)[] = [
  () => draws.damaged(Buffer.from(one(TEXTS)), []).toString(draws.below(2) === 0 ? 'utf8' : 'latin1'),
  () => {
    const text = one(TEXTS)
    const at = draws.below(text.length)
    return text.slice(0, at) + one(PIECES).repeat(1 + draws.below(3)) + text.slice(at + draws.below(3))
  },
  () => {
    const [a, b] = [one(TEXTS), one(TEXTS)]
    return a.slice(0, draws.below(a.length)) + b.slice(draws.below(b.length))
  },
  () => wrapped(draws.damaged(one(PAYLOADS), [])),
  () => wrapped(Buffer.from(Array.from({ length: draws.below(24) }, () => draws.below(256)))),
  () => JSON.stringify(replaced(parse(one(TEXTS.slice(0, 4))))),
]

const catalog = { checkEvent: checkEventName, consumerNames: ['perf_data', 'files'] }
const consumers = await loadConsumers()

/** What has to hold whatever was in the text. */
function check(document: ConfigDocument): void {
  assert.match(document.place, /^x\.yaml:\d+:\d+$/)
  switch (document.kind) {
    case 'invalid':
      assert.ok(document.problems.length > 0, 'invalid, and nothing says why')
      for (const problem of document.problems) {
        assert.match(problem, /^(x\.yaml:\d+:\d+: |… and \d+ more$)/)
        assert.ok(problem.length < 20_000, `a problem of ${problem.length} characters`)
      }
      return
    case 'agent':
      try {
        parseAgentDocument(document.document, { consumers, checkEvent: checkEventName })
      } catch (error) {
        assert.ok(error instanceof AgentError, String(error))
      }
      return
    case 'collection':
      checkCollection(document)
  }
}

function checkCollection({ collection, ttl }: Extract<ConfigDocument, { kind: 'collection' }>): void {
  const { name, rate, interval, filter, kernelStacks, userStacks, consumers: named } = collection
  assert.match(name, /^[A-Za-z0-9._-]{1,253}$/)
  assert.ok(rate.by === 'period' ? rate.period > 0n : rate.hertz >= 1)
  assert.ok(interval >= 1_000 && interval <= 600_000)
  assert.ok(filter.rules.length <= 64)
  assert.ok(kernelStacks || userStacks)
  assert.ok(named === undefined || named.every((each) => catalog.consumerNames.includes(each)))
  assert.ok(ttl === undefined || ttl > 0)
  assert.match(collection.contentHash, /^[0-9a-f]{64}$/)
}

test(`${COUNT} damaged configurations come to documents or to problems, each soon`, () => {
  const kinds = { collection: 0, agent: 0, invalid: 0 }
  for (let left = COUNT; left > 0; left--) {
    const text = one(MUTATIONS)()
    const started = performance.now()
    try {
      for (const document of readDocuments(text, 'x.yaml', catalog)) {
        kinds[document.kind]++
        check(document)
      }
    } catch (error) {
      throw new Error(`seed ${SEED}, ${left} before the end: ${JSON.stringify(text)}`, { cause: error })
    }
    assert.ok(performance.now() - started < MAX_MS, `took too long: ${JSON.stringify(text)}`)
  }
  assert.equal(Object.hasOwn(Object.prototype, 'polluted'), false)
  // Mutations that nothing survives, or that damage nothing, would prove nothing.
  for (const [kind, count] of Object.entries(kinds))
    assert.ok(count > COUNT / 50, `${kind}: ${count} of ${COUNT}`)
})

/** As long as a text may be, with something before and behind it. */
/** Reads a directory of two files, one after the other as they become. */
class Directory {
  #state = NOTHING_HELD
  #reads = 0

  hold(texts: Readonly<Record<string, string>>): readonly ProfileCollection[] {
    const written = String(this.#reads++)
    const files = Object.entries(texts).map(([file, text]) => ({ is: 'text', file, text, written }) as const)
    const read = (text: string, file: string) => readDocuments(text, file, catalog)
    const scan = { directory: { is: 'present' }, files, anchor: '' } as const
    this.#state = nextState(this.#state, scan, { read, now: 0 })
    return collectionsOf(this.#state)
  }
}

test('damage in one file leaves what another holds, and what it held itself until something valid is there', () => {
  const stable = example('profile-collection-config.yaml').replace(/name: .*/, 'name: stable')
  const directory = new Directory()
  let [before, kept] = [directory.hold({ a: stable }), 0]
  const [first] = before
  assert.equal(first?.name, 'stable')
  for (let left = COUNT; left > 0; left--) {
    const text = one(MUTATIONS)()
    const now = directory.hold({ a: stable, b: text })
    assert.equal(now[0], first, JSON.stringify(text))
    const documents = readDocuments(text, 'b', catalog)
    if (documents.length > 0 && documents.every(({ kind }) => kind === 'invalid')) {
      kept += now.length - 1
      const lost = before.filter((collection) => !now.includes(collection))
      // A document that still tells its name keeps what had that name; the file's other documents are gone.
      if (documents.some((document) => document.kind === 'invalid' && document.identity === undefined))
        assert.deepEqual(lost, [], JSON.stringify(text))
    }
    before = now
  }
  assert.ok(kept > 0)
})

const ROOM = MAX_CONFIG_TEXT - 500
const nested = (open: string): string => open.repeat(Math.floor(ROOM / open.length))
const lines = (line: (index: number) => string, length: number): string =>
  Array.from({ length: Math.floor(ROOM / (length + 1)) }, (_, index) => line(index)).join('\n')

const BOMBS: Readonly<Record<string, string>> = {
  'nested lists': nested('['),
  'nested mappings': nested('{a: '),
  'nested entries': nested('- '),
  'nested keys': nested('? '),
  'keys of keys': '? '.repeat(400),
  'many keys': lines((index) => `k${index}: 1`, 10),
  'many anchors': lines((index) => `- &a${index} x`, 11),
  'many aliases': `- &a x\n${lines(() => '- *a', 4)}`,
  'many documents': lines(() => '---\na', 5),
  'many unknown keys': `kind: AgentConfig\n${lines((index) => `k${index}: 1`, 10)}`,
  'many wrong filters': `type: {type: sonde.v1.ProfileCollectionConfig}\nname: a\nevent_name: cpu-clock\nprocess_filters: [${lines(() => '1,', 2)}]`,
  'a long key': `${'a'.repeat(ROOM)}: 1`,
  'a long event': `type: {type: sonde.v1.ProfileCollectionConfig}\nname: a\nevent_name: ${'c'.repeat(ROOM)}`,
  'a long type': `type: {type: ${'s'.repeat(ROOM)}}\nname: a`,
  'a long kind': `kind: ${'s'.repeat(ROOM)}`,
  'a long name': `type: {type: sonde.v1.ProfileCollectionConfig}\nevent_name: cpu-clock\nname: ${'a'.repeat(ROOM)}!`,
  'long data': `type: {type: sonde.v1.ProfileCollectionConfig}\nname: a\ndata: ${'=='.repeat(ROOM / 2)}`,
  'data of many filters': wrapped(Buffer.alloc(150_000, Buffer.from([0x2a, 0x01, 0x61]))),
  'data of many strange fields': wrapped(Buffer.alloc(150_000, Buffer.from([0xf8, 0x3f, 0x01]))),
  'aliases of aliases': `a: &a [x,x,x,x,x,x,x,x,x]\n${['b', 'c', 'd', 'e', 'f'].map((name, index) => `${name}: &${name} [${`*${'abcdef'[index]},`.repeat(9)}]`).join('\n')}`,
  'an alias of itself': 'kind: AgentConfig\nspec: &a {consumers: [*a]}',
  'an alias of nothing': 'kind: *a',
}

for (const [name, text] of Object.entries(BOMBS)) {
  test(`${name}: a problem that is told soon`, () => {
    const started = performance.now()
    assert.ok(text.length <= MAX_CONFIG_TEXT, `${text.length} characters are refused before they are read`)
    const documents = readDocuments(text, 'x.yaml', catalog)
    for (const document of documents) check(document)
    assert.ok(documents.every(({ kind }) => kind !== 'collection'))
    assert.ok(performance.now() - started < MAX_MS)
  })
}
