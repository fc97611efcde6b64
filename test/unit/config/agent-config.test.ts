import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { parseAgentConfig } from '../../../src/config/agent-config.ts'
import { definePlugin } from '../../../src/core/plugin.ts'
import { byteSizeSchema, durationSchema } from '../../../src/core/quantity-schema.ts'
import { EVERYTHING } from '../../../src/core/sample-filter.ts'
import { DEBUGINFOD_DEFAULTS, DEFAULT_SYMBOL_POLICY } from '../../../src/core/symbol-policy.ts'
import { parseEvent } from '../../support/parsed-event.ts'

const disk = definePlugin({
  type: 'disk',
  schema: z.strictObject({
    directory: z.string().default('profiles'),
    rotate: z.strictObject({ interval: durationSchema, size: byteSizeSchema.optional() }).optional(),
  }),
  create: (config, context: string) => `${context}/${config.directory}`,
})
const network = definePlugin({
  type: 'network',
  schema: z.strictObject({ port: z.int() }),
  create: ({ port }, _context: string) => `:${port}`,
})
const catalog = { consumers: [disk, network], checkEvent: (name: string) => void parseEvent(name) }

const parse = (text: string) => parseAgentConfig(text, 'agent.yaml', catalog)
const spec = (lines: readonly string[]): string =>
  ['apiVersion: sonde/v1', 'kind: AgentConfig', 'spec:', ...lines.map((line) => `  ${line}`)].join('\n')
const problemOf = (lines: readonly string[]): string => {
  try {
    parse(spec(lines))
  } catch (error) {
    return (error as Error).message
  }
  return 'no problem'
}

test('a short document has every default', () => {
  const config = parse(spec(['consumers:', '  - type: disk']))
  assert.deepEqual(config.sampler, {
    events: ['cpu-clock'],
    rate: { by: 'frequency', hertz: 99 },
    window: 10_000,
    backEnd: 'auto',
    callGraph: { method: 'dwarf', stackBytes: undefined },
    ringBytes: undefined,
    maxStack: undefined,
    filter: EVERYTHING,
    lockDown: false,
  })
  assert.deepEqual(
    config.consumers.map((build) => build('/data')),
    ['/data/profiles'],
  )
})

test('where names come from has defaults, and can be said', () => {
  assert.deepEqual(parse(spec(['consumers: [{type: disk}]'])).symbols, DEFAULT_SYMBOL_POLICY)
  const { symbols } = parse(
    spec([
      'symbols:',
      '  sources: [kallsyms, symtab]',
      '  debugDirectories: [/opt/debug]',
      '  lines: true',
      '  debuginfod: {urls: ["http://127.0.0.1:8002"], timeout: 5s, maxCacheBytes: 10MiB}',
      'consumers: [{type: disk}]',
    ]),
  )
  assert.deepEqual(symbols, {
    sources: ['kallsyms', 'symtab'],
    debugDirectories: ['/opt/debug'],
    lines: true,
    debuginfod: {
      ...DEBUGINFOD_DEFAULTS,
      urls: ['http://127.0.0.1:8002'],
      timeout: 5000,
      maxCacheBytes: 10 * 2 ** 20,
    },
  })
})

test('what is wrong about names is told at its place', () => {
  const symbols = (line: string) => problemOf(['symbols:', `  ${line}`, 'consumers: [{type: disk}]'])
  assert.match(
    symbols('sources: [symtab, dwarf]'),
    /5:23: spec\.symbols\.sources\[1\]: expected kallsyms, symtab/,
  )
  assert.match(symbols('sources: [plt, plt]'), /spec\.symbols\.sources: a source stands here twice/)
  assert.match(symbols('debugDirectories: [debug]'), /debugDirectories\[0\]: expected an absolute path/)
  assert.match(symbols('debuginfod: {urls: [ftp://x]}'), /urls\[0\]: expected an http or https URL/)
  assert.match(symbols('line: true'), /spec\.symbols\.line: unknown key \(did you mean lines\?\)/)
})

test('everything can be said', () => {
  const config = parse(
    spec([
      'sampler:',
      '  events: [cpu-clock, page-faults:u]',
      '  period: 1000000',
      '  window: 1m',
      '  ringBytes: 1MiB',
      '  backEnd: perf',
      '  callGraph: dwarf',
      '  stackBytes: 16KB',
      '  maxStack: 64',
      '  lockDown: true',
      'consumers:',
      '  - {type: disk, directory: a, rotate: {interval: 1h, size: 100MiB}}',
      '  - {type: network, port: 4317}',
    ]),
  )
  assert.deepEqual(config.sampler, {
    events: ['cpu-clock', 'page-faults:u'],
    rate: { by: 'period', period: 1_000_000n },
    window: 60_000,
    backEnd: 'perf',
    callGraph: { method: 'dwarf', stackBytes: 16_000 },
    ringBytes: 2 ** 20,
    maxStack: 64,
    filter: EVERYTHING,
    lockDown: true,
  })
  assert.deepEqual(
    config.consumers.map((build) => build('/data')),
    ['/data/a', ':4317'],
  )
})

test('a wrong value is named with its line, its column and what is expected', () => {
  const problem = problemOf(['sampler:', '  frequency: fast', 'consumers: [{type: disk}]'])
  assert.equal(problem, 'agent.yaml:5:16: spec.sampler.frequency: expected a whole number of Hz')
})

test('an unknown key suggests what was meant, or says what there is', () => {
  assert.equal(
    problemOf(['sampler:', '  frequncy: 99', 'consumers: [{type: disk}]']),
    'agent.yaml:5:5: spec.sampler.frequncy: unknown key (did you mean frequency?)',
  )
  assert.equal(
    problemOf(['consumers:', '  - type: disk', '    rotate: {interval: 1h, when: never}']),
    'agent.yaml:6:30: spec.consumers[0].rotate.when: unknown key; known are interval, size',
  )
})

test('a key that stands twice is an error', () => {
  assert.equal(
    problemOf(['consumers: [{type: disk}]', 'consumers: [{type: network, port: 1}]']),
    'agent.yaml:5:3: this key stands here twice',
  )
})

test('a consumer’s own mistakes are told at their place, all at once', () => {
  const problem = problemOf([
    'consumers:',
    '  - {type: network, port: x}',
    '  - {type: disk, rotate: {interval: 5}}',
  ])
  assert.match(
    problem,
    /^agent\.yaml:5:29: spec\.consumers\[0\]\.port: expected (int|number), received string\n/,
  )
  assert.match(problem, /\nagent\.yaml:6:39: spec\.consumers\[1\]\.rotate\.interval: 5 is not a duration/)
})

test('what is missing is said to be missing', () => {
  assert.match(
    problemOf(['consumers: [{type: network}]']),
    /consumers\[0\]\.port: is missing; expected (int|number)$/,
  )
  assert.match(problemOf(['sampler: {}']), /4:3: spec\.consumers: expected a list of consumers/)
  assert.match(problemOf(['consumers: []']), /at least one consumer/)
})

test('an empty document, or a value where keys are expected, is told what is expected there', () => {
  const messageOf = (text: string): string => {
    try {
      parse(text)
    } catch (error) {
      return (error as Error).message
    }
    return ''
  }
  const keys = 'expected the keys apiVersion, kind, spec'
  assert.equal(messageOf(''), `agent.yaml:1:1: the document: is empty; ${keys}`)
  assert.equal(messageOf('# nothing yet\n'), `agent.yaml:1:1: the document: is empty; ${keys}`)
  assert.equal(messageOf('hello'), `agent.yaml:1:1: the document: ${keys}, received string`)
  assert.equal(messageOf('- a'), `agent.yaml:1:1: the document: ${keys}, received array`)
  assert.match(
    messageOf('apiVersion: sonde/v1\nkind: AgentConfig\nspec:\n'),
    /spec: is empty; expected the keys sampler, symbols, serviceNameRules, serviceNameDefault, shutdown, flightRecorder, consumers$/,
  )
  assert.match(problemOf(['consumers: [disk]']), /consumers\[0\]: expected the keys type, received string$/)
})

test('mistakes of the sampler and of consumers are told together', () => {
  const lines = problemOf([
    'sampler: {frequency: fast}',
    'consumers:',
    '  - {type: network, port: x}',
    '  - {type: disc}',
    '  - {type: network, port: 1}',
  ]).split('\n')
  assert.deepEqual(
    lines.map((line) => line.split(': ')[1]),
    ['spec.sampler.frequency', 'spec.consumers[0].port', 'spec.consumers[1].type', 'spec.consumers[2].type'],
  )
})

test('of many problems five are shown', () => {
  const many = (count: number) =>
    problemOf([
      `consumers: [${Array.from({ length: count }, (_, index) => `{type: none${index}}`).join(', ')}]`,
    ])
  assert.equal(many(5).split('\n').length, 5)
  const lines = many(7).split('\n')
  assert.deepEqual([lines.length, lines[5]], [6, '… and 2 more'])
})

test('an unknown consumer suggests what was meant', () => {
  assert.equal(
    problemOf(['consumers: [{type: disc}]']),
    "agent.yaml:4:22: spec.consumers[0].type: there is no consumer 'disc' (did you mean disk?)",
  )
})

test('two consumers of one type are an error', () => {
  assert.match(problemOf(['consumers: [{type: disk}, {type: disk}]']), /4:36: .*already a consumer 'disk'/)
})

test('a wrong event is told with what was meant', () => {
  assert.match(
    problemOf(['sampler: {events: [cpu-clok]}', 'consumers: [{type: disk}]']),
    /^agent\.yaml:4:22: spec\.sampler\.events\[0\]: There is no event 'cpu-clok' \(did you mean cpu-clock\?\)/,
  )
})

test('frequency and period exclude each other', () => {
  assert.equal(
    problemOf(['sampler:', '  frequency: 99', '  period: 7', 'consumers: [{type: disk}]']),
    'agent.yaml:6:13: spec.sampler.period: either frequency or period, not both',
  )
})

test('stacks are followed by frame pointers where that is asked for, without a size then', () => {
  const parsed = parse(spec(['sampler: {callGraph: fp}', 'consumers: [{type: disk}]']))
  assert.deepEqual(parsed.sampler.callGraph, { method: 'fp' })
  assert.match(
    problemOf(['sampler: {callGraph: fp, stackBytes: 8KiB}', 'consumers: [{type: disk}]']),
    /spec\.sampler\.stackBytes: goes with callGraph: dwarf only/,
  )
  assert.match(
    problemOf(['sampler: {callGraph: lbr}', 'consumers: [{type: disk}]']),
    /spec\.sampler\.callGraph: expected dwarf or fp/,
  )
})

test('sizes and durations out of range say the range', () => {
  assert.match(problemOf(['sampler: {ringBytes: 100kB}', 'consumers: [{type: disk}]']), /power of two/)
  assert.match(problemOf(['sampler: {stackBytes: 64KiB}', 'consumers: [{type: disk}]']), /256 to 32768/)
  assert.match(problemOf(['sampler: {window: 1ms}', 'consumers: [{type: disk}]']), /expected 100ms to 10m/)
  assert.match(problemOf(['sampler: {window: yes}', 'consumers: [{type: disk}]']), /is not a duration/)
})

test('another kind, another version and no document at all are told', () => {
  assert.throws(
    () => parse('apiVersion: sonde/v2\nkind: AgentConfig\n'),
    /agent\.yaml:1:13: apiVersion: expected sonde\/v1/,
  )
  assert.throws(
    () => parse('apiVersion: sonde/v1\nkind: Pod\n'),
    /agent\.yaml:2:7: kind: expected AgentConfig/,
  )
  assert.throws(() => parse('a: [1\n'), { code: 'CONFIG.INVALID', message: /^agent\.yaml:\d+:\d+: / })
})

test('how long the agent may take to stop is 8 s, or from 1 s to 5 min', () => {
  assert.equal(parse(spec(['consumers: [{type: disk}]'])).shutdown.deadline, 8_000)
  const stated = spec(['shutdown: {deadline: 20s}', 'consumers: [{type: disk}]'])
  assert.equal(parse(stated).shutdown.deadline, 20_000)
  for (const deadline of ['500ms', '6m']) {
    const problem = problemOf([`shutdown: {deadline: ${deadline}}`, 'consumers: [{type: disk}]'])
    assert.match(problem, /spec\.shutdown\.deadline: expected 1s to 5m$/)
  }
})
