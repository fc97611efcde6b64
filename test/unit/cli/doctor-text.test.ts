import assert from 'node:assert/strict'
import { test } from 'node:test'
import { doctorText, type TriedThing } from '../../../src/cli/doctor-text.ts'
import { styleFor } from '../../../src/cli/terminal.ts'
import type { Finding } from '../../../src/sampler/diagnosis/finding.ts'

const style = styleFor({ isTTY: false })
const textOf = (findings: readonly Finding[], probes: readonly TriedThing[] = []): string =>
  doctorText(
    { groups: [{ title: 'Machine', findings }], backEnd: undefined, degraded: false },
    { probes, style },
  )

test('each finding is a line, with why and what would change it below', () => {
  const text = textOf([
    { subject: 'kernel', state: 'ok', says: 'Linux 6.1' },
    { subject: 'BTF', state: 'degraded', says: 'not readable', why: 'there is none', fix: 'boot another' },
    { subject: 'seccomp', state: 'missing', says: 'refused' },
  ])
  assert.equal(
    text,
    [
      'Machine',
      '  ok        kernel   Linux 6.1',
      '  degraded  BTF      not readable',
      '            why: there is none',
      '            to change: boot another',
      '  missing   seccomp  refused',
      '',
      'Of 3 findings: 1 missing, 1 degraded.',
      '',
    ].join('\n'),
  )
})

test('where nothing is to be repaired, that is the last line', () => {
  assert.match(
    textOf([{ subject: 'PMUs', state: 'info', says: 'none' }]),
    /\n\nEverything that Sonde needs works\.\n$/,
  )
})

test('logs of the kernel are printed below what they are of, without control characters', () => {
  const refused = { kind: 'helper', name: 'bpf_find_vma', serves: 'this', error: 'EINVAL', step: 'load' }
  const text = textOf(
    [{ subject: 'kernel', state: 'ok', says: 'Linux' }],
    [{ ...refused, log: '0: (85) call bpf_find_vma\nunknown \u001b[31mfunc\n' }],
  )
  assert.match(
    text,
    / {2}helper {2}bpf_find_vma {2}EINVAL at load, for this\n {6}0: \(85\) call bpf_find_vma\n {6}unknown \ufffd\[31mfunc\n/,
  )
})
