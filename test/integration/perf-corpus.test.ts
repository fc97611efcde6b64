// Files of this machine's perf, a dozen ways to record; all ways and all perfs: npm run test:corpus.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OPTION_SETS } from '../corpus/option-sets.ts'
import { record } from '../corpus/recorder.ts'
import { MACHINES_PERF } from '../support/perf-script.ts'
import { differences } from '../support/recording-judge.ts'
import { replayed } from '../support/replayed-recording.ts'
import { NO_PERF, temporaryDirectory } from './perf-data-tools.ts'

const HERE: ReadonlySet<string> = new Set([
  'frequency',
  'count',
  'chains',
  'chains of all CPUs',
  'chains of a process',
  'copies of stacks',
  'several events',
  'a group',
  'a tracepoint and a clock',
  'registers',
  'zstd 1',
  'a pipe of several events',
  'user only',
])

for (const set of OPTION_SETS.filter(({ name }) => HERE.has(name))) {
  test(`perf record, ${set.name}: Sonde reads the samples, comms and stacks that perf script reads`, {
    skip: NO_PERF,
  }, async (t) => {
    const made = record(MACHINES_PERF, set, { directory: temporaryDirectory(t), judge: MACHINES_PERF })
    if ('refused' in made) return t.skip(`perf record does not do it here: ${made.refused}`)
    for (const { file, script } of made.recordings) {
      assert.ok(script.samples.length > 0, 'perf recorded nothing')
      const told = await replayed(file)
      assert.deepEqual(differences(told, script, { stacks: set.stacks ?? 'all' }), [])
    }
  })
}
