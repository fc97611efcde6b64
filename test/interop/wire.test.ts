// The bytes on the wire, read by programs that share no line with Sonde.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import test from 'node:test'
import type { ReadPprof } from '../support/pprof-reader.ts'
import { temporaryDirectory } from '../support/sonde.ts'
import { made, workload } from '../support/workload.ts'
import { countOf, type DecodedProfile, decoded, filesOf, passProfcheck, readByPprof } from './judges.ts'
import { readGzippedPprof, recorded, totals } from './recordings.ts'
import { startSink } from './sink.ts'
import { sonde, without } from './tools.ts'

const skip = without('decoder', 'pprof')

const threads = (): string =>
  made('unwind-threads', 'unwind/threads.c', (source, program) => [
    ...['cc', '-O1', '-g', '-pthread', '-o', program],
    source,
  ])

const RECORDINGS = {
  'a C program': () => [workload('shares'), '2'],
  python3: () => ['python3', '-c', 'sum(hash(str(number)) for number in range(3_000_000))'],
  node: () => [process.execPath, '-e', 'for (let n = 0; n < 2e7; n++) String(n).length'],
  'threads that begin and end': () => [threads(), '2'],
  'several processes': () => ['sh', '-c', `${workload('shares')} 1 & ${workload('shares')} 1.5 & wait`],
} as const

for (const [name, command] of Object.entries(RECORDINGS)) {
  test(`${name}: what opentelemetry-proto decodes is what was sampled, stack for stack`, {
    skip,
  }, async (t) => {
    const directory = temporaryDirectory(t)
    const { file, taken } = await recorded(t, directory, command())
    const sink = await startSink(t)
    const pprof = join(directory, 'ours.pb.gz')
    const run = await sonde(t, ['convert', file, '--otlp-profiles-endpoint', sink.url, '-o', pprof])
    assert.equal(run.status, 0, run.stderr)

    for (const { path, headers } of sink.taken) {
      assert.equal(path, '/v1development/profiles')
      assert.equal(headers['content-type'], 'application/x-protobuf')
      assert.equal(headers['otlp-profiles-development-version'], '1')
    }
    const files = filesOf(sink.taken, directory)
    const profiles = await decoded(t, files)
    const ours = readGzippedPprof(pprof)
    assert.equal(countOf(profiles), taken)
    assert.equal((await readByPprof(t, pprof, ['-sample_index=samples'])).total, taken)
    assert.deepEqual(differences(stacksDecoded(profiles), stacksOf(ours)), [])
    assert.deepEqual(buildIdsDecoded(profiles), buildIdsOf(ours))
    for (const { sampleType, periodType, period, scope } of profiles)
      assert.deepEqual(
        { sampleType, periodType, period, scope },
        { sampleType: 'samples/count', periodType: 'cpu/nanoseconds', period: 1_001_001, scope: 'sonde' },
      )
    t.diagnostic(`${taken} samples in ${profiles.length} profiles, ${sink.taken.length} messages`)
    await passProfcheck(t, files)
  })
}

test('page faults: each is a sample of its own event, without a CPU’s period', { skip }, async (t) => {
  const directory = temporaryDirectory(t)
  const command = [workload('touch_pages'), '5000']
  const { file, taken, lost } = await recorded(t, directory, command, ['-e', 'page-faults', '-c', '1'])
  const sink = await startSink(t)
  const run = await sonde(t, ['convert', file, '--otlp-profiles-endpoint', sink.url])
  assert.equal(run.status, 0, run.stderr)
  const files = filesOf(sink.taken, directory)
  const profiles = await decoded(t, files)
  assert.equal(countOf(profiles), taken)
  assert.ok(taken + lost >= 5000, `${taken} and ${lost} faults of 5000 pages`)
  assert.deepEqual([...new Set(profiles.map(({ sampleType }) => sampleType))], ['page-faults/count'])
  assert.deepEqual([...new Set(profiles.map(({ periodType }) => periodType))], ['/'])
  await passProfcheck(t, files)
})

/** The first few stacks whose figures are not the same: all of them are more than anybody reads. */
function differences(one: Record<string, number>, other: Record<string, number>): readonly string[] {
  const keys = [...new Set([...Object.keys(one), ...Object.keys(other)])]
  const different = keys.filter((key) => one[key] !== other[key])
  return different.slice(0, 5).map((key) => `${one[key]} decoded, ${other[key]} in our pprof: ${key}`)
}

const stacksDecoded = (profiles: readonly DecodedProfile[]): Record<string, number> =>
  totals(
    profiles.flatMap(({ resource, samples }) => samples.map((sample) => ({ resource, sample }))),
    ({ resource, sample }) =>
      [resource['process.pid'], sample.attributes['thread.id'], ...sample.stack].join('\n'),
    ({ sample }) => sample.count,
  )

/** pprof needs a mapping for every location, OTLP does not: of code that is in no file, and of why a stack is cut short. */
const NO_FILE = /^(\[(incomplete|unknown|v8js)\]|\/\/anon)$/

const stacksOf = ({ samples }: ReadPprof): Record<string, number> =>
  totals(
    samples,
    ({ labels, locations }) => {
      const frames = locations.map(
        ({ functions, mapping }) => `${functions.join('+')}@${mapping?.file.replace(NO_FILE, '')}`,
      )
      return [labels.pid, labels.tid, ...frames].join('\n')
    },
    ({ values }) => Number(values[0]),
  )

const withId = ([, id]: readonly [string, unknown]): boolean => id !== undefined && id !== ''

const buildIdsDecoded = (profiles: readonly DecodedProfile[]): Record<string, unknown> =>
  Object.fromEntries(
    profiles
      .flatMap(({ mappings }) => mappings)
      .map(([file, attributes]): [string, unknown] => [file, attributes['process.executable.build_id.gnu']])
      .filter(withId)
      .sort(),
  )

const buildIdsOf = ({ mappings }: ReadPprof): Record<string, unknown> =>
  Object.fromEntries(
    mappings
      .map(({ file, buildId }): [string, string] => [file, buildId])
      .filter(withId)
      .sort(),
  )
