import assert from 'node:assert/strict'
import { test } from 'node:test'
import { durationOf, idsOf, listOf, positiveInteger } from '../../../src/cli/arguments.ts'
import { type Option, parseOptions, splitCommand } from '../../../src/cli/options.ts'
import { outputsOf } from '../../../src/cli/outputs.ts'
import {
  callGraphOf,
  eventsOf,
  rateOf,
  SAMPLING_OPTIONS,
  targetOf,
} from '../../../src/cli/sampling-options.ts'

const OPTIONS: readonly Option[] = [
  { long: 'all', short: 'a', help: '' },
  { long: 'freq', short: 'F', value: 'HZ', help: '' },
  { long: 'output', short: 'o', value: 'FILE', multiple: true, help: '' },
]
const usage = { name: 'AgentError', code: 'CLI.USAGE' }

test('options are read in every spelling', () => {
  const options = parseOptions(['-F99', '--output=a', '-o', 'b', '-a', 'rest'], OPTIONS)
  assert.equal(options.value('freq'), '99')
  assert.deepEqual(options.values('output'), ['a', 'b'])
  assert.ok(options.has('all'))
  assert.deepEqual(options.positionals, ['rest'])
  assert.equal(parseOptions(['--freq', '7'], OPTIONS).value('freq'), '7')
})

test('a value that may be missing stands behind = or at the letter, as in perf, and never in the words of a command', () => {
  const level = { long: 'level', short: 'z', value: 'N', valueless: '1', help: '' }
  const options = [...OPTIONS, level]
  const levelOf = (...argv: string[]) => parseOptions(argv, options).value('level')
  assert.deepEqual(
    [levelOf('-z'), levelOf('-z19'), levelOf('-z=3'), levelOf('--level=7')],
    ['1', '19', '3', '7'],
  )
  assert.deepEqual(parseOptions(['-z', '5'], options).positionals, ['5'])
  assert.deepEqual(splitCommand(['-z3', 'gzip', '-z9'], options), { own: ['-z3'], command: ['gzip', '-z9'] })
})

test('what is wrong is said in words', () => {
  const problem = (...argv: string[]): string => {
    try {
      parseOptions(argv, OPTIONS)
    } catch (error) {
      return (error as Error).message
    }
    return ''
  }
  assert.equal(problem('--frq', '9'), 'There is no option --frq (did you mean --freq?).')
  assert.equal(problem('-x'), 'There is no option -x.')
  assert.equal(problem('-F'), '-F needs a value: -F HZ.')
  assert.equal(problem('-F', '-a'), '-F needs a value: -F HZ.')
  assert.equal(problem('--all=yes'), '--all takes no value.')
  assert.equal(problem('-F', '1', '-F', '2'), '-F may be given once.')
})

test('a command begins at the first word or behind --, and keeps its own options', () => {
  assert.deepEqual(splitCommand(['-F', '99', 'ls', '-a'], OPTIONS), {
    own: ['-F', '99'],
    command: ['ls', '-a'],
  })
  assert.deepEqual(splitCommand(['-a', '--', 'ls', '--', '-F'], OPTIONS), {
    own: ['-a'],
    command: ['ls', '--', '-F'],
  })
  assert.deepEqual(splitCommand(['-a'], OPTIONS), { own: ['-a'], command: [] })
})

test('durations have units; a bare number is seconds', () => {
  const ms = (text: string): number => durationOf(text, '--duration')
  assert.deepEqual(
    ['30s', '1m', '500ms', '1h30m', '2', '0.5', '1.5s'].map(ms),
    [30_000, 60_000, 500, 5_400_000, 2_000, 500, 1_500],
  )
  for (const wrong of ['', '0', '-1s', '5x', 's', '1 s', '1s2', '400d'])
    assert.throws(() => ms(wrong), usage, wrong)
  assert.equal(ms('24d'), 24 * 86_400_000)
  assert.throws(() => ms('25d'), /above 0 and up to 24 days/)
})

test('numbers are whole and above zero', () => {
  assert.equal(positiveInteger('99', '-F'), 99)
  for (const wrong of ['0', '-1', '1.5', '1e3', 'x', ''])
    assert.throws(() => positiveInteger(wrong, '-F'), usage)
})

test('lists are given with commas, repeated, or both', () => {
  assert.deepEqual(listOf(['a,b', 'c']), ['a', 'b', 'c'])
  assert.deepEqual(idsOf(['1,2', '2'], '-p'), [1, 2])
  assert.throws(() => idsOf(['1,x'], '-p'), /-p x/)
})

const sampling = (...argv: string[]) => parseOptions(argv, SAMPLING_OPTIONS)

test('the default is cpu-clock at 99 Hz, by -F or -c but not both', () => {
  assert.deepEqual(eventsOf(sampling()), ['cpu-clock'])
  assert.deepEqual(rateOf(sampling()), { by: 'frequency', hertz: 99 })
  assert.deepEqual(rateOf(sampling('-F', '999')), { by: 'frequency', hertz: 999 })
  assert.deepEqual(rateOf(sampling('-c', '10000')), { by: 'period', period: 10_000n })
  assert.throws(() => rateOf(sampling('-F', '9', '-c', '9')), usage)
  assert.deepEqual(eventsOf(sampling('-e', 'cs,faults', '-e', 'cpu-clock')), ['cs,faults', 'cpu-clock'])
})

test('stacks are followed as perf --call-graph says it, and where no bytes are said the back-end chooses them', () => {
  const dwarf = (stackBytes?: number) => ({ method: 'dwarf', stackBytes })
  assert.deepEqual(callGraphOf(sampling()), dwarf())
  assert.deepEqual(callGraphOf(sampling('-g')), dwarf())
  assert.deepEqual(callGraphOf(sampling('--call-graph', 'dwarf')), dwarf())
  assert.deepEqual(callGraphOf(sampling('--call-graph=dwarf,16001')), dwarf(16_008))
  assert.deepEqual(callGraphOf(sampling('--call-graph', 'fp')), { method: 'fp' })
  for (const wrong of ['lbr', 'fp,8192', 'dwarf,1,2', 'dwarf,', 'dwarf,8k', '']) {
    assert.throws(() => callGraphOf(sampling(`--call-graph=${wrong}`)), usage, wrong)
  }
  for (const bytes of ['100', '32769', '65528']) {
    assert.throws(() => callGraphOf(sampling('--call-graph', `dwarf,${bytes}`)), /256 to 32768 bytes/)
  }
})

test('targets are chosen as perf chooses them', () => {
  assert.deepEqual(targetOf(sampling(), false), { kind: 'machine' })
  assert.deepEqual(targetOf(sampling(), true), { kind: 'cmd', inherit: true })
  assert.deepEqual(targetOf(sampling('-i'), true), { kind: 'cmd', inherit: false })
  assert.deepEqual(targetOf(sampling('-a'), true), { kind: 'machine' })
  assert.deepEqual(targetOf(sampling('-p', '1,2', '--no-inherit'), false), {
    kind: 'processes',
    pids: [1, 2],
    inherit: false,
  })
  assert.deepEqual(targetOf(sampling('-t', '7'), true), { kind: 'threads', tids: [7], inherit: true })
  assert.throws(() => targetOf(sampling('-a', '-p', '1'), false), usage)
})

test('an output’s format follows from its name', () => {
  assert.deepEqual(
    outputsOf(
      ['perf.data', 'a/b.data', 'x.pb.gz', 'x.folded', 'x.html', 'x.speedscope.json', 'x.json.gz'].slice(1),
    ).map(({ format }) => format),
    ['perf_data', 'pprof', 'folded', 'html', 'speedscope', 'firefox'],
  )
  for (const wrong of ['out', 'x.json', 'x.gz', '.html', 'dir/.data', 'perf.data.old', '-']) {
    assert.throws(() => outputsOf([wrong]), usage, wrong)
  }
})

test('two outputs are never one file', () => {
  assert.throws(() => outputsOf(['a.html', './a.html']), /given twice/)
  assert.throws(() => outputsOf(['a.data', 'b.data']), /one perf\.data file is enough/)
})
