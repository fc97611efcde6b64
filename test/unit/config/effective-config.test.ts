import assert from 'node:assert/strict'
import { test } from 'node:test'
import { configOf, document, problemOf, type Told, valueIn } from '../../support/run-configs.ts'

/** Every combination of who says it, and who is to hold. */
function precedence(field: string, file: string, told: Required<Told>, values: readonly unknown[]): void {
  const [byDefault, byFile, byVariable, byOption] = values
  const none = document('consumers: [{type: perf_data}]')
  const { options, environment } = told
  assert.deepEqual(valueIn(field, none), byDefault)
  assert.deepEqual(valueIn(field, file), byFile)
  for (const text of [none, file]) {
    assert.deepEqual(valueIn(field, text, { environment }), byVariable, 'a variable goes before a file')
    assert.deepEqual(valueIn(field, text, { options }), byOption, 'an option goes before a file')
    assert.deepEqual(valueIn(field, text, told), byOption, 'an option goes before a variable')
  }
}

test('of a value the option holds, else the variable, else the file', () => {
  precedence(
    'spec.sampler.window',
    document('sampler: {window: 2s}', 'consumers: [{type: perf_data}]'),
    { options: ['--sampler-window', '4s'], environment: { SONDE_SAMPLER_WINDOW: '3s' } },
    [undefined, '2s', '3s', '4s'],
  )
})

test('of a number, too', () => {
  precedence(
    'spec.sampler.frequency',
    document('sampler: {frequency: 2}', 'consumers: [{type: perf_data}]'),
    { options: ['--sampler-frequency', '4'], environment: { SONDE_SAMPLER_FREQUENCY: '3' } },
    [undefined, 2, 3, 4],
  )
})

test('of true and false, too', () => {
  precedence(
    'spec.symbols.lines',
    document('symbols: {lines: true}', 'consumers: [{type: perf_data}]'),
    { options: ['--symbols-lines=true'], environment: { SONDE_SYMBOLS_LINES: 'false' } },
    [undefined, true, false, true],
  )
  const off = document('symbols: {lines: true}', 'consumers: [{type: perf_data}]')
  assert.equal(valueIn('spec.symbols.lines', off, { options: ['--symbols-lines=false'] }), false)
  assert.equal(valueIn('spec.symbols.lines', off, { options: ['--symbols-lines'] }), true)
})

test('a list replaces the list of a file; several options are one list', () => {
  precedence(
    'spec.symbols.sources',
    document('symbols: {sources: [plt]}', 'consumers: [{type: perf_data}]'),
    {
      options: ['--symbols-sources', 'symtab,dynsym', '--symbols-sources', '[v8]'],
      environment: { SONDE_SYMBOLS_SOURCES: 'kallsyms, plt' },
    },
    [undefined, ['plt'], ['kallsyms', 'plt'], ['symtab', 'dynsym', 'v8']],
  )
})

test('a structure is YAML', () => {
  precedence(
    'spec.sampler.filter.exclude',
    document('sampler: {filter: {exclude: [{comm: a}]}}', 'consumers: [{type: perf_data}]'),
    {
      options: ['--sampler-filter-exclude', '[{kernelThreads: true}]'],
      environment: { SONDE_SAMPLER_FILTER_EXCLUDE: '[{pid: 2}]' },
    },
    [undefined, [{ comm: 'a' }], [{ pid: 2 }], [{ kernelThreads: true }]],
  )
})

test('of a map each entry is by itself', () => {
  const file = document('consumers: [{type: datadog_pprof, tags: {a: file, b: file, c: file}}]')
  const told = {
    options: ['--datadog-pprof-tags', 'c=option', '--datadog-pprof-tags', '{d: option}'],
    environment: { SONDE_DATADOG_PPROF_TAGS: 'b=variable,c=variable' },
  }
  const tags = { a: 'file', b: 'variable', c: 'option', d: 'option' }
  assert.deepEqual(valueIn('spec.consumers[datadog_pprof].tags', file, told), tags)
})

const typesOf = (text: string, told: Told) => configOf(text, told).config.consumerTypes
const BOTH = document('consumers: [{type: perf_data, maxFiles: 3}, {type: files}]')

test('a consumer is turned on and off by variables and options, whatever the file says', () => {
  assert.deepEqual(typesOf(BOTH, { options: ['--files=false'] }), ['perf_data'])
  assert.deepEqual(typesOf(BOTH, { environment: { SONDE_PERF_DATA: 'false' } }), ['files'])
  assert.deepEqual(typesOf(BOTH, { options: ['--datadog-pprof'] }), ['perf_data', 'files', 'datadog_pprof'])
  const told = { options: ['--perf-data'], environment: { SONDE_PERF_DATA: 'false' } }
  assert.deepEqual(typesOf(BOTH, told), ['perf_data', 'files'])
  assert.equal(valueIn('spec.consumers[perf_data].maxFiles', BOTH, told), 3, 'with what the file says of it')
  assert.deepEqual(typesOf(BOTH, { options: ['--files=false'], environment: { SONDE_FILES: 'true' } }), [
    'perf_data',
  ])
  const off = { environment: { SONDE_DATADOG_PPROF: 'false', SONDE_DATADOG_PPROF_SITE: 'datadoghq.eu' } }
  assert.deepEqual(typesOf(BOTH, off), ['perf_data', 'files'])
  assert.deepEqual(
    configOf(BOTH, off).switchedOff,
    ['datadog_pprof'],
    'standard variables do not turn it on, either',
  )
})

test('a setting of a consumer turns it on', () => {
  assert.deepEqual(typesOf(BOTH, { options: ['--otlp-profiles-preset', 'parca'] }), [
    ...['perf_data', 'files', 'otlp_profiles'],
  ])
  assert.deepEqual(
    typesOf(document('consumers: [{type: files}]'), { environment: { SONDE_PERF_DATA_MAX_FILES: '1' } }),
    ['files', 'perf_data'],
  )
})

test('problems keep their place in the file when consumers before them are gone', () => {
  const text = document('consumers:', '  - {type: perf_data}', '  - {type: files, maxFiles: many}')
  const { message } = problemOf(text, { options: ['--perf-data=false'] })
  assert.match(message, /^agent\.yaml:6:31: spec\.consumers\[1\]\.maxFiles: expected /)
})

test('an option and its contrary are an error', () => {
  const { code, message } = problemOf(BOTH, { options: ['--perf-data=false', '--perf-data-mode', '0600'] })
  assert.deepEqual(
    [code, message],
    ['CLI.USAGE', '--perf-data=false and --perf-data-mode contradict each other.'],
  )
})

test('of settings that exclude each other the nearest holds', () => {
  const frequency = document('sampler: {frequency: 50}', 'consumers: [{type: perf_data, file: a.data}]')
  const { config } = configOf(frequency, { options: ['--sampler-period', '1000'] })
  assert.deepEqual(config.sampler.rate, { by: 'period', period: 1000n })
  const told = { options: ['--sampler-frequency', '7'], environment: { SONDE_SAMPLER_PERIOD: '1000' } }
  assert.deepEqual(configOf(frequency, told).config.sampler.rate, { by: 'frequency', hertz: 7 })
  const directory = { environment: { SONDE_PERF_DATA_DIRECTORY: '/tmp/d' } }
  assert.equal(valueIn('spec.consumers[perf_data].file', frequency, directory), undefined)
  assert.match(
    problemOf(frequency, { options: ['--sampler-frequency', '9', '--sampler-period', '8'] }).message,
    /^--sampler-period 8: either frequency or period, not both$/,
  )
})

test('a wrong value is named as it was said, with what is expected', () => {
  const problem = (...options: string[]) => problemOf(BOTH, { options })
  assert.deepEqual(problem('--sampler-frequency', '0'), problem('--sampler-frequency=0'))
  assert.equal(problem('--sampler-frequency', '0').message, '--sampler-frequency 0: expected 1 Hz or more')
  assert.equal(problem('--sampler-frequency', '0').code, 'CLI.USAGE')
  assert.equal(
    problemOf(BOTH, { environment: { SONDE_SAMPLER_FREQUENCY: 'fast' } }).message,
    'SONDE_SAMPLER_FREQUENCY=fast: expected a whole number of Hz',
  )
  assert.match(
    problem('--sampler-events', 'cpu-clok').message,
    /^--sampler-events cpu-clok: There is no event/,
  )
  assert.match(problem('--perf-data=maybe').message, /^--perf-data=maybe: expected true or false/)
  assert.match(
    problem('--sampler-filter-include', '[{com: x}]').message,
    /^--sampler-filter-include \[\{com: x\}\]: \[0\]\.com: unknown key \(did you mean comm\?\)/,
  )
  assert.match(
    problem('--sampler-filter-include', '[{').message,
    /^--sampler-filter-include \[\{: cannot be read as YAML/,
  )
  assert.match(
    problem('--symbols-debuginfod-timeout', '3s').message,
    /^--symbols-debuginfod-timeout 3s: urls: is missing/,
  )
  assert.match(
    problem('--datadog-pprof-tags', 'a').message,
    /^--datadog-pprof-tags a: expected key=value pairs/,
  )
  assert.match(
    problem('--otlp-profiles-endpoint', 'ftp://host').message,
    /^--otlp-profiles-endpoint ftp:\/\/host: expected a URL such as/,
  )
})

test('what is wrong in the file is told as ever, with its own code', () => {
  const { code, message } = problemOf(document('sampler: {window: 1}', 'consumers: [{type: files}]'), {
    options: ['--sampler-frequency', '9'],
  })
  assert.equal(code, 'CONFIG.INVALID')
  assert.match(message, /^agent\.yaml:4:21: spec\.sampler\.window: /)
})

test('messages never hold secrets', () => {
  const secret = 'hush-hush'
  for (const options of [
    [`--otlp-profiles-headers=${secret}`],
    [`--otlp-profiles-headers={authorization: ${secret}`],
    [`--otlp-profiles-headers={authorization: [${secret}]}`],
    [`--otlp-profiles-endpoint=ftp://user:${secret}@host`],
  ]) {
    const { code, message } = problemOf(BOTH, { options })
    assert.equal(code, 'CLI.USAGE')
    assert.ok(!message.includes(secret), message)
  }
})

test('a document that is none stays one', () => {
  for (const text of [
    '',
    'hello',
    '- a',
    'spec: 3',
    document('consumers: 3'),
    document('sampler: []', 'consumers: [{type: files}]'),
  ])
    assert.equal(
      problemOf(text, { options: ['--sampler-window', '1s', '--perf-data-mode=0600', '--files=false'] }).code,
      'CONFIG.INVALID',
    )
})

test('what the file says twice by an alias is changed in one place', () => {
  const text = document(
    'consumers:',
    '  - {type: otlp_profiles, spool: &spool {maxBytes: 2MiB}}',
    '  - {type: datadog_pprof, spool: *spool}',
  )
  const told = { options: ['--otlp-profiles-spool-max-bytes', '3MiB'] }
  assert.equal(valueIn('spec.consumers[otlp_profiles].spool.maxBytes', text, told), '3MiB')
  assert.equal(valueIn('spec.consumers[datadog_pprof].spool.maxBytes', text, told), '2MiB')
  const endless = document('sampler: &a {filter: *a}', 'consumers: [{type: files}]')
  assert.equal(problemOf(endless, told).code, 'CONFIG.INVALID')
})

test('an empty variable says nothing', () => {
  const told = { environment: { SONDE_SAMPLER_WINDOW: '', SONDE_PERF_DATA: ' ' } }
  assert.equal(valueIn('spec.sampler.window', BOTH, told), undefined)
})

const OTLP = document(
  'consumers:',
  '  - {type: otlp_profiles, endpoint: "http://one:4318", headers: {team: a}, headersFile: /h, timeout: 1s}',
)
const environmentOf = (told: Told) => configOf(OTLP, told).environment

test('a setting goes before the standard’s variable, which goes before the file', () => {
  const standard = {
    OTEL_EXPORTER_OTLP_TIMEOUT: '5000',
    OTEL_EXPORTER_OTLP_PROFILES_TIMEOUT: '6000',
    OTEL_SERVICE_NAME: 'x',
  }
  assert.deepEqual(environmentOf({ environment: standard }), standard)
  const told = { environment: { ...standard, SONDE_OTLP_PROFILES_TIMEOUT: '7s' } }
  assert.deepEqual(environmentOf(told), { OTEL_SERVICE_NAME: 'x' })
  assert.equal(valueIn('spec.consumers[otlp_profiles].timeout', OTLP, told), '7s')
})

test('headers of the standard’s variable stay beside those that an option says', () => {
  const told = {
    options: ['--otlp-profiles-headers', 'b=option'],
    environment: { OTEL_EXPORTER_OTLP_HEADERS: 'a=standard,b=standard' },
  }
  const headers = { team: 'a', a: 'standard', b: 'option' }
  assert.deepEqual(valueIn('spec.consumers[otlp_profiles].headers', OTLP, told), headers)
  assert.deepEqual(environmentOf(told), {})
})

test('headers that were meant for the file’s endpoint are not sent to another', () => {
  const sent = (told: Told) =>
    ['headers', 'headersFile'].map((key) => valueIn(`spec.consumers[otlp_profiles].${key}`, OTLP, told))
  const elsewhere = { options: ['--otlp-profiles-endpoint', 'http://two:4318'] }
  assert.deepEqual(sent(elsewhere), [{}, undefined])
  assert.equal(configOf(OTLP, elsewhere).notices.length, 2)
  assert.deepEqual(sent({ options: ['--otlp-profiles-endpoint', 'http://one:4318/path'] }), [
    { team: 'a' },
    '/h',
  ])
  const both = { ...elsewhere, environment: { SONDE_OTLP_PROFILES_HEADERS: 'x=y' } }
  assert.deepEqual(sent(both)[0], { x: 'y' }, 'those of a variable stand for none')
  const variables = { SONDE_OTLP_PROFILES_HEADERS: 'x=y', SONDE_OTLP_PROFILES_ENDPOINT: 'http://three:4318' }
  assert.deepEqual(sent({ ...elsewhere, environment: variables })[0], {}, 'but for its own endpoint')
})

test('an API key that is said goes before an agent that the file or the standard’s variable names', () => {
  const file = document('consumers: [{type: datadog_pprof, url: "http://agent:8126"}]')
  const told = {
    options: ['--datadog-pprof-api-key-file', '/key'],
    environment: { DD_AGENT_HOST: 'agent', DD_API_KEY: 'k', DD_SITE: 's' },
  }
  assert.equal(valueIn('spec.consumers[datadog_pprof].url', file, told), undefined)
  assert.deepEqual(configOf(file, told).environment, { DD_SITE: 's' })
})
