// What an OpenTelemetry Collector receives is what was sampled, by every way to send it.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import test from 'node:test'
import { readSummary, temporaryDirectory } from '../support/sonde.ts'
import { workload } from '../support/workload.ts'
import { Collector } from './collector.ts'
import { byProcess, readGzippedPprof, recorded, totals } from './recordings.ts'
import { sonde, without } from './tools.ts'

const skip = without('collector')

/** Two programs, and the shell that starts them. */
const TWO = ['sh', '-c', `${workload('shares')} 1 & ${workload('shares')} 1.5 & wait`] as const

test('the collector has as many samples of each process as were taken', { skip }, async (t) => {
  const directory = temporaryDirectory(t)
  const { file, taken } = await recorded(t, directory, TWO)
  const collector = await Collector.start(t, directory)
  for (const [protocol, compression] of [
    ['grpc', 'gzip'],
    ['grpc', 'none'],
    ['http/protobuf', 'gzip'],
    ['http/protobuf', 'zstd'],
    ['http/protobuf', 'none'],
  ] as const) {
    await t.test(`${protocol}, ${compression}`, async (t) => {
      const before = collector.received().length
      const [pprof, summary] = [join(directory, 'ours.pb.gz'), join(directory, 'sent.json')]
      const endpoint = protocol === 'grpc' ? collector.grpc : collector.http
      const run = await sonde(
        t,
        ['convert', file, '--otlp-profiles-endpoint', endpoint, '-o', pprof, '--summary', summary],
        { OTEL_EXPORTER_OTLP_PROTOCOL: protocol, OTEL_EXPORTER_OTLP_COMPRESSION: compression },
      )
      assert.equal(run.status, 0, run.stderr)
      assert.doesNotMatch(run.stderr, /reject|refuse|twice/)
      const received = collector.received().slice(before)
      assert.equal(
        received.reduce((sum, { samples }) => sum + samples, 0),
        taken,
      )
      assert.deepEqual(
        totals(
          received,
          ({ resource }) => resource['process.pid'] ?? '',
          ({ samples }) => samples,
        ),
        byProcess(readGzippedPprof(pprof)),
      )
      const { delivered, failed, dropped } = readSummary(summary).consumers.otlp_profiles!
      assert.deepEqual({ delivered, failed, dropped }, { delivered: taken, failed: 0, dropped: 0 })
      t.diagnostic(`${taken} samples in ${received.length} profiles`)
    })
  }
})
