// Where a filter keeps one sample in N, the kept one counts N times in every format.

import assert from 'node:assert/strict'
import test from 'node:test'
import { hertz } from '../../../src/core/units.ts'
import { encodeFolded } from '../../../src/formats/folded/folded.ts'
import { encodePprof } from '../../../src/formats/pprof/pprof.ts'
import { callTreeOf } from '../../../src/formats/profile/call-tree.ts'
import { samplesStoodFor } from '../../../src/formats/profile/stood-for.ts'
import { encodeSpeedscope } from '../../../src/formats/speedscope/speedscope.ts'
import { profileOf } from '../../support/aggregated.ts'
import { readPprof } from '../../support/pprof-reader.ts'
import { PERIOD, type TestSample } from '../../support/profile-window.ts'
import { sessionInfo } from '../../support/session.ts'

const SAMPLES: readonly TestSample[] = [
  { stack: ['thinned@app'], value: 10n * PERIOD, count: 3 },
  { stack: ['usual@app'], value: PERIOD, count: 2 },
]
const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)

test('samples of a clock count as often as they stand for others', () => {
  const profile = profileOf([{ samples: SAMPLES }])
  assert.equal(textOf(encodeFolded(profile)), 'app;thinned 30\napp;usual 2\n')
  assert.deepEqual(
    readPprof(encodePprof(profile)).samples.map(({ values }) => values),
    [
      [30n, 30n * PERIOD],
      [2n, 2n * PERIOD],
    ],
  )
  assert.deepEqual(JSON.parse(textOf(encodeSpeedscope([profile]))).profiles[0].weights, [
    Number(30n * PERIOD),
    Number(2n * PERIOD),
  ])
  assert.equal(
    callTreeOf(profile).samples.reduce((sum, samples) => sum + samples, 0),
    32,
  )
})

test('an event with a period of its own likewise', () => {
  const session = sessionInfo({ rate: { by: 'period', period: 100n } })
  const samples = [{ stack: ['main@app'], value: 500n, count: 2 }]
  assert.equal(textOf(encodeFolded(profileOf([{ session, samples }]))), 'app;main 10\n')
})

test('weights that another sampler chose are one sample each', () => {
  const profile = profileOf([{ samples: [{ stack: ['main@app'], value: PERIOD + 1n, count: 2 }] }])
  assert.equal(samplesStoodFor(profile)(0), 2)
})

test('of a counter that is sampled by frequency, folded stacks have the weight where samples were thinned', () => {
  const event = { ...sessionInfo().event, name: 'cycles', unit: 'count' } as const
  const session = sessionInfo({ event, rate: { by: 'frequency', hertz: hertz(99) } })
  const samples = [{ stack: ['main@app'], value: 700n }]
  assert.equal(textOf(encodeFolded(profileOf([{ session, samples }]))), 'app;main 1\n')
  const thinned = profileOf([{ session, samples, leftOut: { sampled_out: 9 } }])
  assert.equal(textOf(encodeFolded(thinned)), 'app;main 700\n')
})
