import assert from 'node:assert/strict'
import test from 'node:test'
import {
  type ComparedStack,
  encodeDifference,
  encodeFoldedDifference,
} from '../../../../src/formats/flame-graph/difference.ts'
import { readGraph } from '../../../../src/formats/flame-graph/page/model.ts'
import { colourOfGrowth } from '../../../../src/formats/flame-graph/page/paint.ts'
import type { PageData } from '../../../../src/formats/flame-graph/page-data.ts'

const stack = (path: string, before: number, after: number): ComparedStack => ({
  labels: path.split(' ').map((text, depth) => ({ text, module: '', kind: depth === 0 ? 'thread' : 'user' })),
  samples: [before, after],
  weights: [before * 10, after * 10],
})

const STACKS = [stack('app main parse', 6, 30), stack('app main write', 4, 40), stack('app main', 0, 30)]

function dataOf(stacks: readonly ComparedStack[]): PageData {
  const event = {
    name: 'cpu-clock',
    unit: 'nanoseconds',
    figures: ['10 samples', '100 samples'],
    stacks,
  } as const
  const page = new TextDecoder().decode(encodeDifference({ names: ['a.data', 'b<.data'], events: [event] }))
  const json = /<script type="application\/json" id="profile">(.*?)<\/script>/s.exec(page)?.[1] ?? '{}'
  const data = JSON.parse(json)
  // As readPageData does.
  data.labels.text.push('all')
  return data
}

test('a comparison is as wide as the later recording, or as the earlier one, and both are coloured by what has grown', () => {
  const data = dataOf(STACKS)
  assert.deepEqual(
    data.events.map(({ name }) => name),
    ['cpu-clock, widths of b<.data', 'cpu-clock, widths of a.data'],
  )
  const [later, earlier] = data.events.map((event) => readGraph(data, event))
  const named = (graph: ReturnType<typeof readGraph> | undefined, of: (node: number) => number) =>
    Object.fromEntries(
      Array.from({ length: graph?.length ?? 0 }, (_, node) => [
        data.labels.text[graph!.label[node]!],
        of(node),
      ]),
    )
  assert.deepEqual(
    named(later, (node) => later!.weight[node]!),
    {
      all: 1000,
      app: 1000,
      main: 1000,
      parse: 300,
      write: 400,
    },
  )
  assert.deepEqual(
    named(earlier, (node) => earlier!.weight[node]!),
    {
      all: 100,
      app: 100,
      main: 100,
      parse: 60,
      write: 40,
    },
  )
  for (const graph of [later, earlier]) {
    const growth = named(graph, (node) => Math.round(1000 * graph!.comparison!.growth[node]!) / 1000 + 0)
    assert.deepEqual(growth, { all: 0, app: 0, main: 0.3, parse: -0.3, write: 0 })
  }
  assert.deepEqual(named(later, (node) => later!.comparison!.otherShare[node]!).parse, 0.6)
  assert.deepEqual(named(earlier, (node) => earlier!.comparison!.otherShare[node]!).parse, 0.3)
})

test('red has grown, blue has shrunk, and nothing is neither', () => {
  assert.match(colourOfGrowth(0.3, 0.3), /^hsl\(4 /)
  assert.match(colourOfGrowth(-0.3, 0.3), /^hsl\(215 /)
  assert.match(colourOfGrowth(0, 0.3), /^hsl\(0 0%/)
  assert.match(colourOfGrowth(0, 0), /^hsl\(0 0%/)
})

test('folded stacks of both have two numbers, and no two lines have the same frames', () => {
  const twice = [...STACKS, stack('app main par;se', 1, 0), stack('app main write', 1, 2)]
  assert.equal(
    new TextDecoder().decode(encodeFoldedDifference(twice)),
    ['app;main 0 30', 'app;main;par:se 1 0', 'app;main;parse 6 30', 'app;main;write 5 42', ''].join('\n'),
  )
})
