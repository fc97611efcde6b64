import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ComparedStacks, differenceOf, growthOf } from '../../../src/cli/difference.ts'
import { differenceText } from '../../../src/cli/difference-text.ts'
import { ProfileTable, type SampleGroup } from '../../../src/cli/profile-table.ts'
import { styleFor } from '../../../src/cli/terminal.ts'

const group = (frames: string, weight: number): SampleGroup => ({
  frames: frames.split(' ').map((name) => ({ name, module: 'app' })),
  comm: 'worker',
  pid: 1,
  process: '',
  cgroup: '',
  samples: weight / 10,
  weight,
})

function tableOf(...groups: readonly SampleGroup[]): ProfileTable {
  const table = new ProfileTable('function')
  for (const each of groups) table.add(each)
  return table
}

// The second is ten times as long.
const BEFORE = [group('parse main', 60), group('write main', 40)]
const AFTER = [group('parse main', 300), group('write main', 400), group('wait main', 300)]

test('recordings of different lengths compare by their shares, and what changed most comes first', () => {
  const rows = differenceOf(tableOf(...BEFORE), tableOf(...AFTER))
  const figures = rows.map(({ labels, self, total }) => [labels[0]?.name, ...self, ...total])
  assert.deepEqual(figures, [
    ['parse', 0.6, 0.3, 0.6, 0.3],
    ['wait', 0, 0.3, 0, 0.3],
    ['write', 0.4, 0.4, 0.4, 0.4],
    ['main', 0, 0, 1, 1],
  ])
  assert.equal(
    rows.reduce((sum, { self }) => sum + growthOf(self), 0),
    0,
  )
})

test('the table says both shares and the change, of functions themselves and with what they call', () => {
  const rows = differenceOf(tableOf(...BEFORE), tableOf(...AFTER))
  const text = differenceText(rows, {
    by: 'function',
    top: 2,
    width: 100,
    style: styleFor({ isTTY: false } as NodeJS.WriteStream),
  })
  assert.deepEqual(
    text.split('\n').map((line) => line.trim().split(/ {2,}/)),
    [
      ['self A', 'self B', 'change', 'total A', 'total B', 'change', 'function'],
      ['60.00 %', '30.00 %', '−30.00', '60.00 %', '30.00 %', '−30.00', 'parse', 'app'],
      ['0.00 %', '30.00 %', '+30.00', '0.00 %', '30.00 %', '+30.00', 'wait', 'app'],
    ],
  )
})

test('a recording without samples has no shares', () => {
  const [row] = differenceOf(tableOf(), tableOf(...AFTER))
  assert.deepEqual([row?.labels[0]?.name, row?.self], ['write', [0, 0.4]])
})

test('stacks of both are put side by side, the thread first and root to leaf', () => {
  const stacks = new ComparedStacks()
  for (const each of BEFORE) stacks.add(0, each)
  for (const each of AFTER) stacks.add(1, each)
  assert.deepEqual(
    stacks
      .all()
      .map(({ labels, samples, weights }) => [labels.map(({ text }) => text).join(' '), samples, weights]),
    [
      ['worker main parse', [6, 30], [60, 300]],
      ['worker main write', [4, 40], [40, 400]],
      ['worker main wait', [0, 30], [0, 300]],
    ],
  )
})
