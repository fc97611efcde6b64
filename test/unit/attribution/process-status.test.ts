import assert from 'node:assert/strict'
import { test } from 'node:test'
import { executableNameOf } from '../../../src/attribution/executable.ts'
import { processStatusOf } from '../../../src/attribution/process-status.ts'

const line = (name: string, state: string, flags: number, startCode: string): string =>
  `42 (${name}) ${state} 1 42 42 0 -1 ${flags} 1 2 3 4 5 6 7 8 20 0 1 0 123456 999 88 18446744073709551615 ${startCode} 0 0\n`

test('a process is known again by its start and by where its code lies', () => {
  assert.deepEqual(processStatusOf(line('sh', 'S', 0x40_0000, '94371842404352')), {
    start: 1_234_560_000_000n,
    startCode: 94_371_842_404_352n,
    isKernelThread: false,
    isZombie: false,
  })
})

test('a name cannot pass for what stands behind it', () => {
  const status = processStatusOf(line('a) Z 1 (b', 'R', 0x40_0000, '1'))
  assert.deepEqual([status?.isZombie, status?.start, status?.startCode], [false, 1_234_560_000_000n, 0n])
})

test('kernel threads and zombies are told', () => {
  assert.equal(processStatusOf(line('kthreadd', 'S', 0x20_8040, '0'))?.isKernelThread, true)
  assert.equal(processStatusOf(line('sh', 'Z', 0x40_0000, '0'))?.isZombie, true)
})

test('what is no status is none', () => {
  assert.equal(processStatusOf(''), undefined)
  assert.equal(processStatusOf('42 (sh) S 1 42'), undefined)
})

test('executables have the last part of their path as name, memory the name it was given', () => {
  assert.equal(executableNameOf('/usr/bin/python3.13'), 'python3.13')
  assert.equal(executableNameOf('/memfd:runc_cloned:/proc/self/exe'), 'runc_cloned')
  assert.equal(executableNameOf(''), '')
})
