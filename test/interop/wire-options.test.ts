// Options that change the bytes on the wire: each is read by others as it is meant.
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import { readSummary, type Summary, temporaryDirectory } from '../support/sonde.ts'
import { workload } from '../support/workload.ts'
import { countOf, type DecodedProfile, decoded, filesOf, passProfcheck, readByPprof } from './judges.ts'
import { agentConfig } from './recordings.ts'
import { startSink } from './sink.ts'
import { sonde, start, without } from './tools.ts'

const skip = without('decoder', 'pprof')

test('timestamps: one for each sample, in its profile’s time, and no values', { skip }, async (t) => {
  const { profiles, summary } = await sentWith(t, { timestamps: true })
  assert.equal(countOf(profiles), summary.samples.taken)
  for (const { time, duration, samples } of profiles)
    for (const { timestamps, count } of samples) {
      assert.equal(timestamps.length, count)
      assert.ok(timestamps.every((at) => at >= time && at < time + duration))
    }
})

test('a resource for each container: its processes are told apart by samples, others are resources of their own', {
  skip,
}, async (t) => {
  const { profiles, summary } = await sentWith(t, { resourcePer: 'container' })
  assert.equal(countOf(profiles), summary.samples.taken)
  for (const { resource, samples } of profiles) {
    const isContainer = resource['container.id'] !== undefined
    assert.equal(resource['process.pid'] === undefined, isContainer)
    for (const { attributes } of samples)
      assert.equal(attributes['process.pid'] !== undefined, isContainer, JSON.stringify(resource))
  }
})

test('every attribute of samples, as numbers and texts', { skip }, async (t) => {
  const attributes = ['thread.id', 'thread.name', 'cpu.logical_number']
  const { profiles, summary } = await sentWith(t, { attributes })
  assert.equal(countOf(profiles), summary.samples.taken)
  for (const { attributes } of profiles.flatMap(({ samples }) => samples)) {
    assert.equal(typeof attributes['thread.id'], 'number')
    assert.equal(typeof attributes['thread.name'], 'string')
    assert.ok(Number(attributes['cpu.logical_number']) >= 0)
  }
})

test('the original payload is a pprof of the same samples, as google/pprof reads it', { skip }, async (t) => {
  const { profiles, summary, directory } = await sentWith(t, { originalPayload: 'pprof' })
  assert.equal(countOf(profiles), summary.samples.taken)
  const largest = profiles.toSorted((one, other) => countOf([other]) - countOf([one])).slice(0, 5)
  for (const profile of largest) {
    const [format, bytes] = profile.payload
    assert.equal(format, 'pprof')
    const file = join(directory, 'payload.pprof')
    writeFileSync(file, Buffer.from(bytes, 'hex'))
    assert.equal((await readByPprof(t, file, ['-sample_index=samples'])).total, countOf([profile]))
  }
})

interface Sent {
  readonly profiles: readonly DecodedProfile[]
  readonly summary: Summary
  readonly directory: string
}

/** The whole machine for some seconds, with a busy program; all messages pass profcheck. */
async function sentWith(t: TestContext, options: Readonly<Record<string, unknown>>): Promise<Sent> {
  const directory = temporaryDirectory(t)
  const sink = await startSink(t)
  const config = agentConfig(directory, { endpoint: sink.url, ...options }, { frequency: 199 })
  const summary = join(directory, 'summary.json')
  const busy = start(t, [workload('shares'), '60'])
  const run = await sonde(t, [
    ...['run', '--config', config, '--duration', '3s'],
    ...['--data-directory', join(directory, 'data'), '--summary', summary],
  ])
  await busy.end('SIGTERM')
  assert.equal(run.status, 0, run.stderr)
  const files = filesOf(sink.taken, directory)
  const profiles = await decoded(t, files)
  assert.equal(new Set(profiles.map(({ id }) => id)).size, profiles.length, 'ids are unique')
  await passProfcheck(t, files)
  return { profiles, summary: readSummary(summary), directory }
}
