// A level that the collector does not read: what it makes of it, and what Sonde says.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import { readSummary, type Summary, temporaryDirectory } from '../support/sonde.ts'
import { Collector } from './collector.ts'
import { agentConfig } from './recordings.ts'
import { sonde, without } from './tools.ts'

const skip = without('collector')

for (const { level, attributes } of [
  { level: '1.8', attributes: ['thread.id'] },
  { level: '1.8', attributes: [] },
  { level: '1.9', attributes: ['thread.id'] },
]) {
  const name = `${level} with ${attributes.length} attributes`
  test(`${name}: a collector of 1.10 refuses it, which is said once and counted`, { skip }, async (t) => {
    const { said, summary, collector } = await sent(t, { level, attributes })
    const { delivered, failed } = summary.consumers.otlp_profiles!
    assert.deepEqual({ delivered, failed }, { delivered: 0, failed: summary.samples.taken })
    assert.equal(
      said.match(/refuses payloads: answered INTERNAL: grpc: error unmarshalling/g)?.length,
      1,
      said,
    )
    assert.match(said, new RegExp(`${summary.samples.taken} samples were refused by the endpoint`))
    assert.deepEqual(collector.received(), [])
  })
}

test('1.9 without attributes: a collector of 1.10 accepts it and reads no values; nobody can notice', {
  skip,
}, async (t) => {
  const { summary, collector } = await sent(t, { level: '1.9', attributes: [] })
  const received = collector.received()
  assert.equal(summary.consumers.otlp_profiles?.delivered, summary.samples.taken)
  assert.ok(received.length > 0)
  assert.deepEqual([...new Set(received.map(({ samples }) => samples))], [0])
  t.diagnostic(`${summary.samples.taken} samples sent, 0 read`)
})

async function sent(
  t: TestContext,
  options: Readonly<Record<string, unknown>>,
): Promise<{ readonly said: string; readonly summary: Summary; readonly collector: Collector }> {
  const directory = temporaryDirectory(t)
  const collector = await Collector.start(t, directory)
  const config = agentConfig(directory, { endpoint: collector.grpc, protocol: 'grpc', ...options })
  const summary = join(directory, 'summary.json')
  const { stderr } = await sonde(t, [
    ...['run', '--config', config, '--duration', '3s'],
    ...['--data-directory', join(directory, 'data'), '--summary', summary],
  ])
  return { said: stderr, summary: readSummary(summary), collector }
}
