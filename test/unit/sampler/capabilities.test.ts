import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CAPABILITY_PURPOSES, readCapabilities } from '../../../src/sampler/capabilities.ts'

const held = (mask: string): readonly string[] =>
  [...readCapabilities(`Name:\tnode\nCapPrm:\t0\nCapEff:\t${mask}\nCapBnd:\t000001ffffffffff\n`)].toSorted()

test('each of the four is told by its own bit', () => {
  assert.deepEqual(held('0000004000000000'), ['CAP_PERFMON'])
  assert.deepEqual(held('0000008000000000'), ['CAP_BPF'])
  assert.deepEqual(held('0000000000080000'), ['CAP_SYS_PTRACE'])
  assert.deepEqual(held('0000000400000000'), ['CAP_SYSLOG'])
  assert.deepEqual(held('0000000000000000'), [])
  assert.deepEqual([...readCapabilities('')], [], 'a status that cannot be read')
})

test('root has all four, also on a kernel that has only CAP_SYS_ADMIN for two of them', () => {
  const all = CAPABILITY_PURPOSES.map(({ name }) => name).toSorted()
  assert.deepEqual(held('000001fffeffffff'), all)
  assert.deepEqual(held('0000003fffffffff'), all, 'Linux before 5.8')
})

test('CAP_SYS_ADMIN does not stand for CAP_SYS_PTRACE and CAP_SYSLOG', () => {
  assert.deepEqual(held('0000000000200000'), ['CAP_BPF', 'CAP_PERFMON'])
})
