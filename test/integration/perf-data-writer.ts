// A process of its own for the crash tests: writes windows as fast as it can until it is killed.
// node perf-data-writer.ts DIRECTORY [FIRST-SEQUENCE [CONFIG]]

import { windowBatches } from '../unit/formats/perf-data/fixture.ts'
import { consumerOf, contextOf, plainSession, tryLock } from './perf-data-tools.ts'

const [, , directory = '', first = '0', config = ''] = process.argv
const sessions = [plainSession(1), plainSession(2)]
const consumer = consumerOf(
  config === '' ? { rotationInterval: '200s', maxFiles: 0 } : JSON.parse(config),
  contextOf(directory, { tryLock }),
)
await consumer.start()
for (let sequence = Number(first); ; sequence++) {
  for (const batch of windowBatches({ sessions, sequence, samples: 300, processes: 20 })) {
    await consumer.consumeProfiles(batch, new AbortController().signal)
    process.stdout.write(`${batch.samples.length}\n`)
  }
}
