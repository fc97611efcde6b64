// What Parca shows is what was sampled.
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import { readSummary, temporaryDirectory } from '../support/sonde.ts'
import { workload } from '../support/workload.ts'
import { type PprofReading, readByPprof } from './judges.ts'
import { type Parca, startParca } from './parca.ts'
import { agentConfig } from './recordings.ts'
import { sonde, start, until, without } from './tools.ts'

const skip = without('parca', 'pprof')

/** It multiplies counts by the period, as they are of CPU time. */
const nanosecondsAt = (frequency: number): number => Math.round(1e9 / frequency)

test('sonde run with the preset: the exact total, and the hot function with its share', {
  skip,
}, async (t) => {
  const directory = temporaryDirectory(t)
  const parca = await startParca(t, directory)
  const summary = join(directory, 'summary.json')
  const config = agentConfig(directory, { endpoint: parca.url, preset: 'parca' })
  const hot = start(t, [workload('shares'), '60'])
  const run = await sonde(t, [
    ...['run', '--config', config, '--duration', '6s'],
    ...['--data-directory', join(directory, 'data'), '--summary', summary],
  ])
  await hot.end('SIGTERM')
  assert.equal(run.status, 0, run.stderr)

  const { taken } = readSummary(summary).samples
  const everything = await shown(t, { parca, directory, total: taken * nanosecondsAt(997) })
  assert.equal(everything.total, taken * nanosecondsAt(997))
  const { total, self } = await shown(t, { parca, directory, labels: 'service_name="shares"' })
  const own = [...self].filter(([name]) => /^(three_quarters|one_quarter)$/.test(name))
  const share = (100 * (self.get('three_quarters') ?? 0)) / own.reduce((sum, [, each]) => sum + each, 0)
  assert.ok(Math.abs(share - 75) <= 3, `three_quarters has ${share} %`)
  assert.ok(own.reduce((sum, [, each]) => sum + each, 0) > 90, 'another process is among them')
  for (const name of self.keys()) assert.doesNotMatch(name, /Builtins|v8|sonde/, 'only that process')
  for (const label of ['service_name', 'process_pid', 'process_executable_name', 'thread_id', 'thread_name'])
    assert.ok((await parca.labels()).includes(label), `no label ${label}`)
  t.diagnostic(
    `${taken} samples, ${total / nanosecondsAt(997)} of shares; three_quarters ${share.toFixed(1)} %`,
  )
})

test('sonde record by gRPC without the preset: the exact total; Parca 0.28 shifts the names', {
  skip,
}, async (t) => {
  const directory = temporaryDirectory(t)
  const parca = await startParca(t, directory)
  const summary = join(directory, 'summary.json')
  const run = await sonde(
    t,
    [
      ...['record', '-F', '997', '-o', join(directory, 'perf.data'), '--summary', summary],
      ...['--otlp-profiles-endpoint', parca.url, '--', workload('shares'), '2'],
    ],
    { OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' },
  )
  assert.equal(run.status, 0, run.stderr)
  const { taken } = readSummary(summary).samples
  const { total, self } = await shown(t, { parca, directory, total: taken * nanosecondsAt(997) })
  assert.equal(total, taken * nanosecondsAt(997))
  assert.ok(
    (self.get('three_quarters') ?? 0) < 70,
    'the preset does not need to write functions twice any more',
  )
  t.diagnostic(`${taken} samples, three_quarters ${self.get('three_quarters') ?? 0} %`)
})

test('Parca’s HTTP port answers with its web page: said once, every sample counted as refused', {
  skip,
}, async (t) => {
  const directory = temporaryDirectory(t)
  const parca = await startParca(t, directory)
  const summary = join(directory, 'summary.json')
  const config = agentConfig(directory, { endpoint: parca.url, protocol: 'http/protobuf' })
  const run = await sonde(t, [
    ...['run', '--config', config, '--duration', '4s'],
    ...['--data-directory', join(directory, 'data'), '--summary', summary],
  ])
  const said = run.stderr.match(/answered 200 with text\/html \('<[^']*'\), which is no OTLP response/g)
  assert.equal(said?.length, 1, run.stderr)
  const { samples, consumers } = readSummary(summary)
  const { delivered, failed, dropped } = consumers.otlp_profiles!
  assert.deepEqual({ delivered, failed, dropped }, { delivered: 0, failed: samples.taken, dropped: 0 })
  assert.match(run.stderr, new RegExp(`${samples.taken} samples were refused`))
  assert.deepEqual(await parca.labels(), [], 'it keeps something all the same')
})

interface Question {
  readonly parca: Parca
  readonly directory: string
  /** Of labels; everything where there is none. */
  readonly labels?: string
  /** To wait for: it shows profiles a moment after it took them. */
  readonly total?: number
}

/** What google/pprof reads in Parca's answer; what there is after a while where the total is not reached. */
async function shown(
  t: TestContext,
  { parca, directory, labels = '', total }: Question,
): Promise<PprofReading> {
  const file = join(directory, 'shown.pb.gz')
  let turn = 0
  return until('Parca shows it', async () => {
    const pprof = await parca.query(labels)
    if (pprof === undefined) return undefined
    writeFileSync(file, pprof)
    const reading = await readByPprof(t, file)
    return total === undefined || reading.total === total || ++turn === 20 ? reading : undefined
  })
}
