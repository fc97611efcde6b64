import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SamplerStatus } from '../../../src/core/status.ts'
import { jointStatus } from '../../../src/sampler/joint-status.ts'

const withMissing = (missing: readonly string[] | null): SamplerStatus => ({
  backEnd: 'perf',
  filterProblem: null,
  cpuProblems: [],
  cgroups: { byKernel: true, refused: null, missing },
  cpus: [],
})

test('cgroups that several samplers lack are told once; while one has not looked yet, that is not known', () => {
  const missingOf = (...all: readonly (readonly string[] | null)[]) =>
    jointStatus(all.map(withMissing))?.cgroups.missing
  assert.deepEqual(missingOf(['/a', '/b'], ['/b']), ['/a', '/b'])
  assert.equal(missingOf(['/a'], null), null)
  assert.equal(jointStatus([]), null)
})
