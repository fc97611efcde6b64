// A session may leave out parts of its stacks: samples without any frame count in every format.

import assert from 'node:assert/strict'
import test from 'node:test'
import { encodeFolded } from '../../../src/formats/folded/folded.ts'
import { encodePprof } from '../../../src/formats/pprof/pprof.ts'
import { callTreeOf } from '../../../src/formats/profile/call-tree.ts'
import { encodeSpeedscope } from '../../../src/formats/speedscope/speedscope.ts'
import { profileOf } from '../../support/aggregated.ts'
import { readPprof } from '../../support/pprof-reader.ts'
import { PERIOD, type TestSample } from '../../support/profile-window.ts'

const SAMPLES: readonly TestSample[] = [
  { stack: [], value: PERIOD, count: 3 },
  { stack: ['work@app'], value: PERIOD, count: 2 },
]
const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)

test('samples without frames are their process’s', () => {
  const profile = profileOf([{ samples: SAMPLES }])
  assert.equal(textOf(encodeFolded(profile)), 'app 3\napp;work 2\n')
  assert.deepEqual(
    readPprof(encodePprof(profile)).samples.map(({ values }) => values),
    [
      [3n, 3n * PERIOD],
      [2n, 2n * PERIOD],
    ],
  )
  assert.deepEqual(JSON.parse(textOf(encodeSpeedscope([profile]))).profiles[0].weights, [
    Number(3n * PERIOD),
    Number(2n * PERIOD),
  ])
  assert.equal(
    callTreeOf(profile).samples.reduce((sum, samples) => sum + samples, 0),
    5,
  )
})
