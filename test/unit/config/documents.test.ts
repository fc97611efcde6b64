import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseAgentDocument } from '../../../src/config/agent-config.ts'
import { type ConfigDocument, MAX_CONFIG_TEXT, readDocuments } from '../../../src/config/documents.ts'
import { checkEventName } from '../../../src/sampler/events/choose.ts'

const catalog = { checkEvent: checkEventName, consumerNames: ['perf_data', 'files'] }
const read = (text: string, file = 'p.yaml'): readonly ConfigDocument[] => readDocuments(text, file, catalog)

const plain = (spec: string, metadata = '{name: cpu, version: "7"}'): string =>
  `apiVersion: sonde/v1\nkind: ProfileCollectionConfig\nmetadata: ${metadata}\nspec: ${spec}\n`
const wrapper = (lines: string, type = 'antimetal.agent.v1.ProfileCollectionConfig'): string =>
  `type: {type: ${type}}\nname: test-profiler\nversion: "1"\n${lines}\n`
const data = (hex: string): string =>
  `data: ${Buffer.from(hex.replaceAll(' ', ''), 'hex').toString('base64')}`

function collectionIn(text: string) {
  const [document, ...more] = read(text)
  assert.equal(more.length, 0)
  if (document?.kind !== 'collection') assert.fail(JSON.stringify(document))
  return document
}

function problemsIn(text: string): readonly string[] {
  const [document, ...more] = read(text)
  assert.equal(more.length, 0)
  if (document?.kind !== 'invalid') assert.fail(JSON.stringify(document?.kind))
  return document.problems
}

test('the plain form, with every field', () => {
  const spec = `{eventName: "cpu-clock:u", sampleFrequencyHz: 49, intervalSeconds: 10, maxStackDepth: 64,
    processFilters: [nginx, worker], kernelStacks: false, userStacks: true, threadNames: false, consumers: [files]}`
  const { collection, type, ttl, place, warnings } = collectionIn(plain(spec))
  const { contentHash, ...rest } = collection
  assert.deepEqual(rest, {
    type: 'sonde.v1.ProfileCollectionConfig',
    name: 'cpu',
    version: '7',
    eventName: 'cpu-clock:u',
    rate: { by: 'frequency', hertz: 49 },
    interval: 10_000,
    maxStackDepth: 64,
    filter: {
      rules: [
        { action: 'include', match: { by: 'process', comm: 'nginx' } },
        { action: 'include', match: { by: 'process', comm: 'worker' } },
      ],
    },
    kernelStacks: false,
    userStacks: true,
    threadNames: false,
    consumers: ['files'],
  })
  assert.match(contentHash, /^[0-9a-f]{64}$/)
  assert.deepEqual(
    [type, ttl, place, warnings],
    ['sonde.v1.ProfileCollectionConfig', undefined, 'p.yaml:1:1', []],
  )
})

test('cgroups are paths or ids', () => {
  const { collection } = collectionIn(plain('{eventName: cycles, cgroups: [kubepods.slice/, "4711", 4712]}'))
  assert.deepEqual(
    collection.filter.rules.map(({ match }) => match),
    [
      { by: 'cgroup', path: '/kubepods.slice' },
      { by: 'cgroup', id: 4711n },
      { by: 'cgroup', id: 4712n },
    ],
  )
})

test('what is not said is as is usual: 99 Hz, each minute, all stacks, all consumers', () => {
  const { collection } = collectionIn(plain('{eventName: cpu-clock}', '{name: cpu}'))
  const { contentHash: _, ...rest } = collection
  assert.deepEqual(rest, {
    type: 'sonde.v1.ProfileCollectionConfig',
    name: 'cpu',
    version: '',
    eventName: 'cpu-clock',
    rate: { by: 'frequency', hertz: 99 },
    interval: 60_000,
    maxStackDepth: undefined,
    filter: { rules: [] },
    kernelStacks: true,
    userStacks: true,
    threadNames: true,
    consumers: undefined,
  })
})

test('events that come in bursts have a usual period, under any of their names', () => {
  const rateOf = (event: string) => collectionIn(plain(`{eventName: "${event}"}`)).collection.rate
  assert.deepEqual(rateOf('faults'), { by: 'period', period: 1_000n })
  assert.deepEqual(rateOf('page-faults:u'), { by: 'period', period: 1_000n })
  assert.deepEqual(rateOf('cache-misses'), { by: 'period', period: 100_000n })
  assert.deepEqual(rateOf('context-switches'), { by: 'frequency', hertz: 99 })
  assert.deepEqual(rateOf('auto'), { by: 'frequency', hertz: 99 })
})

test('the configuration in circulation starts, and is told what it really asks for', () => {
  const { collection, type, warnings } = collectionIn(
    wrapper('data: CgljcHUtY2xvY2sQgJTr4gQYCg==  # cpu-clock'),
  )
  assert.equal(type, 'antimetal.agent.v1.ProfileCollectionConfig')
  assert.deepEqual([collection.name, collection.version], ['test-profiler', '1'])
  assert.deepEqual(collection.rate, { by: 'period', period: 1_281_018_368n })
  assert.equal(collection.interval, 10_000)
  assert.equal(warnings.length, 1)
  assert.match(
    warnings[0] ?? '',
    /^p\.yaml:4:7: data\.sample_period: a sample_period of 1281018368 ns is 0\.78 Hz: one sample in 1\.28 s on each CPU\..* 10000000 ns \(100 Hz\)/,
  )
})

test('a clock below 1 Hz is told of in every form, one of 1 Hz in none, and a rare count is not', () => {
  const warned = (text: string) => collectionIn(text).warnings.length
  assert.equal(warned(plain('{eventName: task-clock, samplePeriod: 1000000001}')), 1)
  assert.equal(warned(plain('{eventName: task-clock, samplePeriod: 1000000000}')), 0)
  assert.equal(warned(plain('{eventName: page-faults, samplePeriod: 2000000000}')), 0)
  assert.equal(warned(wrapper('event_name: cpu-clock\nsample_period: 2000000000')), 1)
})

test('a clock that nobody can keep up with is told of, however it is stated', () => {
  const warned = (text: string) => collectionIn(text).warnings
  assert.match(
    warned(plain('{eventName: cpu-clock, sampleFrequencyHz: 100000}')).join(),
    /: spec\.sampleFrequencyHz: 100000 samples a second on each busy CPU are more than the agent may keep up with/,
  )
  assert.match(
    warned(wrapper('event_name: cpu-clock\nsample_period: 20000')).join(),
    /: sample_period: 50000 samples a second/,
  )
  assert.deepEqual(warned(plain('{eventName: cpu-clock, sampleFrequencyHz: 20000}')), [])
  assert.deepEqual(warned(plain('{eventName: page-faults, samplePeriod: 1}')), [])
})

test('the same is asked for in each form: with the same content', () => {
  const forms = [
    plain(
      '{eventName: cpu-clock, samplePeriod: 10000000, intervalSeconds: 10}',
      '{name: test-profiler, version: "1"}',
    ),
    wrapper('event_name: cpu-clock\nsample_period: 10000000\ninterval_seconds: 10'),
    wrapper('data: CgljcHUtY2xvY2sQgK3iBBgK'),
    wrapper('data: CgljcHUtY2xvY2sQgK3iBBgK', 'sonde.v1.ProfileCollectionConfig'),
    JSON.stringify({
      type: { kind: 'x', type: 'sonde.v1.ProfileCollectionConfig' },
      ...{ name: 'test-profiler', version: '1', data: 'CgljcHUtY2xvY2sQgK3iBBgK' },
    }),
  ].map((text) => {
    const { type: _, ...rest } = collectionIn(text).collection
    return rest
  })
  for (const form of forms) assert.deepEqual(form, forms[0])
})

test('the content changes with everything but name and version', () => {
  const hashOf = (spec: string, metadata = '{name: a}') =>
    collectionIn(plain(spec, metadata)).collection.contentHash
  const base = hashOf('{eventName: cpu-clock}')
  assert.equal(hashOf('{eventName: cpu-clock}', '{name: b, version: "2"}'), base)
  assert.equal(hashOf('{eventName: cpu-clock, sampleFrequencyHz: 99, kernelStacks: true}'), base)
  const others = [
    ...['eventName: task-clock', 'eventName: "cpu-clock:u"', 'eventName: cpu-clock, sampleFrequencyHz: 98'],
    ...['eventName: cpu-clock, intervalSeconds: 59', 'eventName: cpu-clock, maxStackDepth: 127'],
    ...['eventName: cpu-clock, processFilters: [a]', 'eventName: cpu-clock, cgroups: [/a]'],
    ...['eventName: cpu-clock, cgroups: ["7"]', 'eventName: cpu-clock, kernelStacks: false'],
    ...['eventName: cpu-clock, userStacks: false', 'eventName: cpu-clock, threadNames: false'],
    ...['eventName: cpu-clock, consumers: [files]'],
  ].map((spec) => hashOf(`{${spec}}`))
  assert.equal(new Set([base, ...others]).size, others.length + 1)
})

test('in the wrapper, 0 and nothing say nothing', () => {
  const { collection, ttl } = collectionIn(
    wrapper(
      'event_name: cpu-clock\nsample_period: 0\ninterval_seconds: 0\nmax_stack_depth: 0\nprocess_filters: []\nttl: 1.5s',
    ),
  )
  assert.deepEqual(collection.rate, { by: 'frequency', hertz: 99 })
  assert.deepEqual(
    [collection.interval, collection.maxStackDepth, collection.filter.rules.length],
    [60_000, undefined, 0],
  )
  assert.equal(ttl, 1_500)
})

test('several documents, each with its number in its problems; empty ones are none', () => {
  const text = `# profiles\n---\n${plain('{eventName: cpu-clock}')}---\n---\n${plain('{eventName: cpu-clok}')}---\n`
  const documents = read(text)
  assert.deepEqual(
    documents.map(({ kind, place }) => [kind, place]),
    [
      ['collection', 'p.yaml:3:1'],
      ['invalid', 'p.yaml:9:1'],
    ],
  )
  const [, second] = documents
  assert.deepEqual(second?.kind === 'invalid' && second.problems, [
    "p.yaml:12:19: document 3: spec.eventName: There is no event 'cpu-clok' (did you mean cpu-clock?).",
  ])
  assert.deepEqual(read(''), [])
  assert.deepEqual(read('# nothing\n'), [])
})

test('a broken document tells whose it is, and leaves the others alone', () => {
  const text = `${plain('{eventName: cpu-clock, eventName: x}')}---\n${wrapper('data: [')}---\n${plain('{eventName: cpu-clock}', '{name: c}')}`
  assert.deepEqual(
    read(text).map((document) => (document.kind === 'invalid' ? document.identity : document.kind)),
    [
      { type: 'sonde.v1.ProfileCollectionConfig', name: 'cpu' },
      { type: 'antimetal.agent.v1.ProfileCollectionConfig', name: 'test-profiler' },
      'collection',
    ],
  )
})

test('an AgentConfig among them is handed on, and told its own problems at their lines', () => {
  const text = `${plain('{eventName: cpu-clock}')}---\napiVersion: sonde/v1\nkind: AgentConfig\nspec: {consumers: [{type: disc}]}\n`
  const [, agent] = read(text)
  if (agent?.kind !== 'agent') assert.fail(agent?.kind)
  assert.match(agent.text, /^(---\n)?apiVersion: sonde\/v1\nkind: AgentConfig\n/)
  assert.throws(() => parseAgentDocument(agent.document, { consumers: [], checkEvent: () => undefined }), {
    message: /^p\.yaml:8:27: document 2: spec\.consumers\[0\]\.type: there is no consumer 'disc'/,
  })
})

const WRONG: readonly (readonly [what: string, text: string, ...problems: string[]])[] = [
  [
    'what is unknown suggests what was meant',
    plain('{eventname: cpu-clock, eventName: cpu-clock}'),
    'p.yaml:4:8: spec.eventname: unknown key (did you mean eventName?)',
  ],
  [
    'what is missing',
    plain('{}', '{}'),
    'p.yaml:3:11: metadata.name: is missing; expected 1 to 253 letters, digits, dots, dashes and underscores, with a letter or digit at both ends',
    "p.yaml:4:7: spec.eventName: is missing; expected an event by perf's name, such as cpu-clock",
  ],
  [
    'what is found and what is allowed',
    plain(
      '{eventName: cpu-clock, intervalSeconds: 601, samplePeriod: 0, kernelStacks: no}',
      '{name: -a, version: 1}',
    ),
    'p.yaml:3:18: metadata.name: expected 1 to 253 letters, digits, dots, dashes and underscores, with a letter or digit at both ends, found "-a"',
    'p.yaml:3:31: metadata.version: expected a text of 253 characters at most; a number in quotes, found 1',
    'p.yaml:4:66: spec.samplePeriod: expected a whole number from 1 to 9007199254740991, found 0',
    'p.yaml:4:47: spec.intervalSeconds: expected a whole number from 1 to 600, found 601',
    'p.yaml:4:83: spec.kernelStacks: expected true or false, found "no"',
  ],
  [
    'a period and a frequency',
    plain('{eventName: cpu-clock, samplePeriod: 10000000, sampleFrequencyHz: 100}'),
    'p.yaml:4:73: spec.sampleFrequencyHz: either samplePeriod or sampleFrequencyHz, not both',
  ],
  [
    'no stacks at all',
    plain('{eventName: cpu-clock, kernelStacks: false, userStacks: false}'),
    'p.yaml:4:63: spec.userStacks: nothing is left of the stacks without kernelStacks and userStacks: one of them has to be true',
  ],
  [
    'rates that no clock has',
    plain('{eventName: cpu-clock, samplePeriod: 9999}'),
    'p.yaml:4:44: spec.samplePeriod: expected 10000 ns or more of cpu-clock, found 9999',
  ],
  [
    'frequencies that no clock has',
    wrapper('event_name: cpu-clock\nsample_frequency_hz: 100001'),
    'p.yaml:5:22: sample_frequency_hz: expected 100000 Hz or less of cpu-clock, found 100001',
  ],
  [
    'a consumer that the agent has not',
    plain('{eventName: cpu-clock, consumers: [fils, files]}'),
    'p.yaml:4:41: spec.consumers: the agent has no consumer "fils" (did you mean files?)',
  ],
  [
    'an empty list where leaving it out is meant',
    plain('{eventName: cpu-clock, consumers: []}'),
    'p.yaml:4:41: spec.consumers: expected a list of 1 to 64 names of consumers, found a list',
  ],
  [
    'a name that no process has',
    plain('{eventName: cpu-clock, processFilters: [averylongprocessname]}'),
    "p.yaml:4:47: spec.processFilters[0]: the kernel keeps 15 bytes of a process's name: this one would be 'averylongproces', found \"averylongprocessname\"",
  ],
  [
    'what is no cgroup',
    plain('{eventName: cpu-clock, cgroups: [{a: 1}, ""]}'),
    'p.yaml:4:40: spec.cgroups[0]: expected a path or an id, found keys and values',
    'p.yaml:4:48: spec.cgroups[1]: expected a path or an id, found ""',
  ],
  [
    'a payload and fields',
    wrapper('event_name: cpu-clock\ndata: CgljcHUtY2xvY2sQgK3iBBgK'),
    'p.yaml:4:13: event_name: either event_name and its like or data, not both',
  ],
  [
    'data that is no base64',
    wrapper('data: "{}"'),
    'p.yaml:4:7: data: expected base64 of a protobuf message, found "{}"',
  ],
  [
    'data that is no message',
    wrapper(data('0a09637075')),
    'p.yaml:4:7: data: is not a ProfileCollectionConfig: 9 bytes are announced and 3 are left (at byte 2)',
  ],
  [
    'data without an event',
    wrapper(data('180a')),
    "p.yaml:4:7: data.event_name: is missing; expected an event by perf's name, such as cpu-clock",
  ],
  [
    'data with a period that is too long',
    wrapper(data('0a096370752d636c6f636b 10ffffffffffffffffff01')),
    'p.yaml:4:7: data.sample_period: expected a whole number from 0 to 9007199254740991, found 18446744073709551615',
  ],
  [
    'a time to live that is none',
    wrapper('event_name: cpu-clock\nttl: 0s'),
    'p.yaml:5:6: ttl: expected how long it holds, more than 0: seconds such as 30s or 1.5s, or 1h30m, found "0s"',
  ],
  [
    'a type that nobody knows',
    wrapper('data: ""', 'antimetal.agent.v1.ProfileCollectionConfg'),
    'p.yaml:1:14: type.type: there is no type "antimetal.agent.v1.ProfileCollectionConfg" (did you mean antimetal.agent.v1.ProfileCollectionConfig or antimetal.agent.v1.HostStatsCollectionConfig?)',
  ],
  [
    'a kind that nobody knows',
    'apiVersion: sonde/v1\nkind: ProfileCollection\n',
    'p.yaml:2:7: kind: there is no kind "ProfileCollection" (did you mean ProfileCollectionConfig?)',
  ],
  [
    'a custom resource that never was',
    plain('{eventName: cpu-clock}').replace('sonde/v1', 'config.antimetal.com/v1'),
    'p.yaml:1:13: apiVersion: expected sonde/v1, found "config.antimetal.com/v1"',
  ],
  [
    'something else',
    'hello',
    'p.yaml:1:1: the document: is no configuration: expected apiVersion, kind (AgentConfig, ProfileCollectionConfig, HostStatsCollectionConfig), metadata and spec; or type, name and data',
  ],
  [
    'keys of every object',
    plain('{eventName: cpu-clock, __proto__: {samplePeriod: 1}, toString: 1}'),
    'p.yaml:4:30: spec.__proto__: unknown key; known are eventName, samplePeriod, sampleFrequencyHz, intervalSeconds, maxStackDepth, processFilters, cgroups, kernelStacks, userStacks, threadNames, consumers',
    'p.yaml:4:60: spec.toString: unknown key; known are eventName, samplePeriod, sampleFrequencyHz, intervalSeconds, maxStackDepth, processFilters, cgroups, kernelStacks, userStacks, threadNames, consumers',
  ],
  ['a key that stands there twice', 'kind: a\nkind: b\n', 'p.yaml:2:1: this key stands here twice'],
  ['a tag', 'kind: !strange a\n', 'p.yaml:1:7: Unresolved tag: !strange'],
  [
    'a text that is too long',
    `# ${'x'.repeat(MAX_CONFIG_TEXT)}`,
    'p.yaml:1:1: is too long: 262146 characters, 262144 are the most',
  ],
]

for (const [what, text, ...problems] of WRONG) {
  test(`told with its place: ${what}`, () => {
    assert.deepEqual(problemsIn(text), problems)
  })
}

test('filters of processes and of cgroups at once are refused, and what to do is said', () => {
  const [problem, ...more] = problemsIn(plain('{eventName: cpu-clock, processFilters: [a], cgroups: [/b]}'))
  assert.match(
    problem ?? '',
    /^p\.yaml:4:60: spec\.cgroups: either processFilters or cgroups, not both: .* two documents/,
  )
  assert.deepEqual(more, [])
})

test('a number that we do not know is an error in our own message, and a warning in the predecessor’s', () => {
  const later = data('0a096370752d636c6f636b 980601')
  const [problem] = problemsIn(wrapper(later, 'sonde.v1.ProfileCollectionConfig'))
  assert.match(
    problem ?? '',
    /^p\.yaml:4:7: data: has the field 99, which this version does not know; known are 1 \(event_name\), /,
  )
  const { collection, warnings } = collectionIn(wrapper(later))
  assert.equal(collection.eventName, 'cpu-clock')
  assert.deepEqual(warnings, [
    'p.yaml:4:7: data: has the field 99, which this version does not know and leaves alone',
  ])
})

test('metrics of the host are recognised in every form, checked, and refused by name', () => {
  const type = 'antimetal.agent.v1.HostStatsCollectionConfig'
  const plainForm = 'apiVersion: sonde/v1\nkind: HostStatsCollectionConfig\nmetadata: {name: cpu}\n'
  for (const text of [
    wrapper(data('0a03637075 103c'), type),
    wrapper('collector: cpu\ninterval_seconds: 60', type),
    `${plainForm}spec: {collector: cpu, intervalSeconds: 60}\n`,
  ]) {
    const [problem, ...more] = problemsIn(text)
    assert.match(
      problem ?? '',
      /collector: this version of Sonde collects no metrics .* HostStatsCollectionConfig for 'cpu': a later version will/,
    )
    assert.deepEqual(more, [])
  }
  assert.match(
    problemsIn(wrapper(data('103c'), type))[0] ?? '',
    /data\.collector: is missing; expected a collector's name/,
  )
  assert.match(
    problemsIn(`${plainForm}spec: {colector: cpu}\n`).join('\n'),
    /spec\.colector: unknown key \(did you mean collector\?\)/,
  )
})

test('without the agent’s consumers any may be named', () => {
  const open = { ...catalog, consumerNames: undefined }
  const [document] = readDocuments(plain('{eventName: cpu-clock, consumers: [whoever]}'), 'p.yaml', open)
  assert.equal(document?.kind, 'collection')
})

test('JSON is read, with tabs too', () => {
  const text =
    '{\n\t"apiVersion": "sonde/v1",\n\t"kind": "ProfileCollectionConfig",\n\t"metadata": {\n\t\t"name": "a"\n\t},\n\t"spec": {"eventName": "cpu-clok"}\n}\n'
  const [document] = read(text, 'p.json')
  assert.match(
    (document?.kind === 'invalid' && document.problems[0]) || '',
    /^p\.json:7:24: spec\.eventName: There is no event/,
  )
  assert.equal(collectionIn(text.replace('clok', 'clock')).collection.name, 'a')
})

test('of many problems twenty are shown', () => {
  const list = Array.from({ length: 64 }, () => '""').join(', ')
  const problems = problemsIn(plain(`{eventName: cpu-clock, processFilters: [${list}]}`))
  assert.deepEqual([problems.length, problems.at(-1)], [21, '… and 44 more'])
})
