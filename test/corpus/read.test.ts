// What each perf of Debian records, in each way, is what Sonde reads of it: every sample, its event, comm, period and stack.

import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Perf } from '../support/perf-script.ts'
import { differences } from '../support/recording-judge.ts'
import { replayed } from '../support/replayed-recording.ts'
import { OPTION_SETS, type OptionSet } from './option-sets.ts'
import { CORPUS_DIRECTORY, PERFS } from './place.ts'
import { record } from './recorder.ts'

const nameOf = (text: string): string => text.replaceAll(/\W+/g, '-')

for (const { line, found } of PERFS) {
  if ('lacking' in found) {
    test(`perf ${line.name}`, { skip: found.lacking })
    continue
  }
  const { perf } = found
  const judge = judgeFor(line.judge) ?? perf
  for (const set of OPTION_SETS) {
    test(`perf ${found.version} of ${line.suite} records: ${set.name}`, async (t) => {
      const directory = join(CORPUS_DIRECTORY, 'recordings', nameOf(line.name), nameOf(set.name))
      await readsAlike(t, set, { perf, judge, directory })
    })
  }
}

function judgeFor(name: string | undefined): Perf | undefined {
  const found = PERFS.find(({ line }) => line.name === name)?.found
  return found !== undefined && 'perf' in found ? found.perf : undefined
}

interface Hands {
  readonly perf: Perf
  readonly judge: Perf
  readonly directory: string
}

async function readsAlike(t: TestContext, set: OptionSet, { perf, judge, directory }: Hands): Promise<void> {
  rmSync(directory, { recursive: true, force: true })
  const made = record(perf, set, { directory, judge })
  if ('refused' in made) return t.skip(made.refused)
  if (set.writes === 'directory') {
    const told = made.recordings.map(({ file }) => replayed(file))
    for (const each of told) await assert.rejects(each, { name: 'AgentError', message: /directory/ })
    return
  }
  let samples = 0
  for (const { file, script } of made.recordings) {
    const told = await replayed(file)
    assert.deepEqual(differences(told, script, { stacks: set.stacks ?? 'all' }), [], file)
    samples += script.samples.length
  }
  assert.ok(samples > 0, 'nothing was recorded')
  t.diagnostic(`${samples} samples`)
}
