// A file of perf's in forms that this machine's perf does not write: the other byte order, old attributes, streams.

import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { record } from '../corpus/recorder.ts'
import { MACHINES_PERF, perfScript, type Script } from '../support/perf-script.ts'
import { differences } from '../support/recording-judge.ts'
import { replayed } from '../support/replayed-recording.ts'
import { type Rewriting, rewrittenPerfData } from '../support/rewritten-perf-data.ts'
import { NO_PERF, temporaryDirectory } from './perf-data-tools.ts'

const FORMS: readonly (Rewriting & { readonly name: string })[] = [
  { name: 'with nothing else in it', order: 'little' },
  { name: 'of the other byte order', order: 'big' },
  { name: 'with attributes of the first size', order: 'little', attrSize: 64 },
  { name: 'of the other byte order with attributes of the first size', order: 'big', attrSize: 64 },
  { name: 'with attributes of 96 bytes', order: 'little', attrSize: 96 },
  { name: 'with attributes of a later kernel', order: 'little', attrSize: 136 },
  { name: 'as a stream', order: 'little', pipe: true },
  { name: 'as a stream of the other byte order', order: 'big', pipe: true },
]

const RECORDED = [
  ['one event', ['-e', 'cpu-clock', '-F', '997', '-g']],
  ['two events', ['-e', 'cpu-clock', '-e', 'page-faults', '-F', '997', '-g', '--no-buildid']],
] as const

for (const [name, options] of RECORDED) {
  test(`a file of ${name} is read in every form`, { skip: NO_PERF }, async (t) => {
    const directory = temporaryDirectory(t)
    const hands = { directory, judge: MACHINES_PERF }
    const made = record(MACHINES_PERF, { name, options }, hands)
    if ('refused' in made) return t.skip(made.refused)
    const [{ file, script }] = made.recordings as [(typeof made.recordings)[number]]
    const bytes = readFileSync(file)
    for (const form of FORMS) {
      await t.test(form.name, (each) => {
        const rewritten = join(directory, 'rewritten.data')
        writeFileSync(rewritten, rewrittenPerfData(bytes, form))
        return readsAlike(each, rewritten, script)
      })
    }
  })
}

/** perf script judges the form itself, where it reads that at all; samples are those of the file that it was made of. */
async function readsAlike(t: TestContext, file: string, original: Script): Promise<void> {
  const told = await replayed(file)
  assert.equal(told.samples.length, original.samples.length)
  let judge: Script
  try {
    judge = perfScript(file)
  } catch (error) {
    t.diagnostic(`this perf does not read it: ${String(error)}`)
    judge = original
  }
  assert.equal(judge.samples.length, original.samples.length, 'perf reads all of it')
  assert.deepEqual(differences(told, judge, { stacks: 'all' }), [])
}
