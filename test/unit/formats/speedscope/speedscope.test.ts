import assert from 'node:assert/strict'
import test from 'node:test'
import { encodeSpeedscope } from '../../../../src/formats/speedscope/speedscope.ts'
import { profileOf } from '../../../support/aggregated.ts'
import { PERIOD } from '../../../support/profile-window.ts'
import { sessionInfo } from '../../../support/session.ts'

interface Speedscope {
  readonly $schema: string
  readonly name: string
  readonly exporter: string
  readonly activeProfileIndex: number
  readonly shared: { readonly frames: readonly { readonly name: string; readonly file?: string }[] }
  readonly profiles: readonly {
    readonly type: string
    readonly name: string
    readonly unit: string
    readonly startValue: number
    readonly endValue: number
    readonly samples: readonly (readonly number[])[]
    readonly weights: readonly number[]
  }[]
}

const samples = [
  { stack: ['leaf@libc.so.6', 'main@app'], count: 3 },
  { stack: ['main@app'], count: 2 },
  { stack: ['fault@kernel', 'main@app'], pid: 7, comm: 'other "quoted"' },
]
const faults = sessionInfo({ id: 1, event: { ...sessionInfo().event, name: 'page-faults', unit: 'count' } })

function document(): Speedscope {
  const clock = profileOf([{ samples }])
  const counted = profileOf(
    [{ session: faults, samples: [{ stack: ['main@app'], value: 10n, count: 4 }] }],
    1,
  )
  return JSON.parse(new TextDecoder().decode(encodeSpeedscope([clock, counted])))
}

test('the document has the shape of speedscope’s schema', () => {
  const { $schema, name, activeProfileIndex, shared, profiles } = document()
  assert.equal($schema, 'https://www.speedscope.app/file-format-schema.json')
  assert.equal(name, 'cpu-clock, page-faults on node-1')
  assert.equal(activeProfileIndex, 0)
  assert.ok(shared.frames.every((frame) => typeof frame.name === 'string'))
  for (const profile of profiles) {
    assert.equal(profile.type, 'sampled')
    assert.equal(profile.samples.length, profile.weights.length)
    assert.ok(profile.samples.flat().every((frame) => frame < shared.frames.length))
  }
})

test('clock events weigh nanoseconds, others their counts, and weights add up to the end', () => {
  const [clock, counted] = document().profiles
  assert.equal(clock?.unit, 'nanoseconds')
  assert.equal(clock?.endValue, 6 * Number(PERIOD))
  assert.equal(counted?.unit, 'none')
  assert.equal(counted?.endValue, 40)
  for (const profile of document().profiles) {
    assert.equal(profile.startValue, 0)
    assert.equal(
      profile.weights.reduce((sum, weight) => sum + weight, 0),
      profile.endValue,
    )
  }
})

test('stacks are root first below their thread', () => {
  const { shared, profiles } = document()
  const stacks = profiles[0]?.samples.map((stack) => stack.map((frame) => shared.frames[frame]?.name))
  assert.deepEqual(stacks, [
    ['app', 'main'],
    ['app', 'main', 'leaf'],
    ['other "quoted"', 'main', 'fault'],
  ])
  assert.equal(shared.frames.find(({ name }) => name === 'leaf')?.file, 'libc.so.6')
})
