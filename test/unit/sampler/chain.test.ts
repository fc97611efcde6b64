import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CONTEXT } from '../../../src/formats/perf-data/layout.ts'
import { splitChain } from '../../../src/sampler/replay/chain.ts'

const GUEST = BigInt.asUintN(64, -2048n)

function parts(words: readonly bigint[], context: bigint = CONTEXT.USER) {
  const { kernel, user, length } = splitChain(BigUint64Array.from(words), context)
  return { kernel: [...kernel], user: [...user], length }
}

test('markers say whose the addresses are, and do not count', () => {
  assert.deepEqual(parts([CONTEXT.KERNEL, 9n, 8n, CONTEXT.USER, 2n, 1n]), {
    kernel: [9n, 8n],
    user: [2n, 1n],
    length: 4,
  })
})

test('without a marker the sample says whose they are', () => {
  assert.deepEqual(parts([2n, 1n]), { kernel: [], user: [2n, 1n], length: 2 })
  assert.deepEqual(parts([9n], CONTEXT.KERNEL), { kernel: [9n], user: [], length: 1 })
})

test('a marker in user memory is no marker: nobody makes frames of the kernel', () => {
  const { kernel, user } = parts([CONTEXT.USER, 2n, CONTEXT.KERNEL, 0xffff_ffff_8100_0000n])
  assert.deepEqual(kernel, [])
  assert.equal(user.length, 3)
})

test('frames of a guest belong to no process here', () => {
  assert.deepEqual(parts([GUEST, 5n, 4n, CONTEXT.USER, 1n]), { kernel: [], user: [1n], length: 3 })
})
