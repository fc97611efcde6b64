import assert from 'node:assert/strict'
import test from 'node:test'
import { Script } from 'node:vm'
import { encodeFlameGraph } from '../../../../src/formats/flame-graph/flame-graph.ts'
import { hottestOf } from '../../../../src/formats/flame-graph/page/hottest.ts'
import { readGraph } from '../../../../src/formats/flame-graph/page/model.ts'
import { pageScript } from '../../../../src/formats/flame-graph/page/script.ts'
import { patternOf, weightOfFound } from '../../../../src/formats/flame-graph/page/search.ts'
import type { PageData, PageEvent } from '../../../../src/formats/flame-graph/page-data.ts'
import { profileOf } from '../../../support/aggregated.ts'
import { PERIOD, type TestSample } from '../../../support/profile-window.ts'

const pageOf = (samples: readonly TestSample[]): string =>
  new TextDecoder().decode(encodeFlameGraph([profileOf([{ samples, losses: { missed: 2 } }])]))

function dataOf(page: string): PageData {
  const json =
    /<script type="application\/json" id="profile">(.*?)<\/script>/s.exec(page)?.[1] ?? assert.fail('no data')
  const data = JSON.parse(json)
  // As readPageData does.
  data.labels.text.push('all')
  return data
}

function graphOf(samples: readonly TestSample[]) {
  const data = dataOf(pageOf(samples))
  const event: PageEvent = data.events[0] ?? assert.fail('no event')
  return { data, graph: readGraph(data, event), text: data.labels.text }
}

test('a name cannot end the script that it stands in', () => {
  const hostile = '</script><script>alert(1)</script><!--<img src=x>'
  const page = pageOf([{ stack: [`${hostile}@app`], comm: hostile.slice(0, 15) }])
  assert.ok(!page.includes('alert(1)</'))
  assert.equal(page.match(/<script/g)?.length, 2)
  assert.ok(dataOf(page).labels.text.includes(hostile))
})

test('the page names nothing outside itself', () => {
  const page = pageOf([{ stack: ['main@app'] }])
  assert.deepEqual(page.match(/(?:https?:)?\/\/[a-z][^\s"']*|\b(?:src|href)=|@import|url\(/g), null)
  assert.match(page, /default-src 'none'/)
})

test('the page’s script has every function that it calls', () => {
  const source = pageScript()
  assert.doesNotThrow(() => new Script(source))
  const defined = new Set(Array.from(source.matchAll(/function (\w+)\(/g), ([, name]) => name))
  const called = Array.from(source.matchAll(/(?<![.\w])([a-z]\w*)\(/g), ([, name = '']) => name)
  const known = [
    'function',
    'if',
    'for',
    'while',
    'switch',
    'return',
    'catch',
    'rgb',
    'hsl',
    'hsla',
    'between',
    'top',
    'visible',
  ]
  const given = [
    'requestAnimationFrame',
    'getComputedStyle',
    'matchMedia',
    'zoomTo',
    'searchFor',
    'of',
    'typeof',
    'expression',
  ]
  const missing = called.filter((name) => !defined.has(name) && ![...known, ...given].includes(name))
  assert.deepEqual([...new Set(missing)], [])
})

test('every sample is in the page, sums go up to the root', () => {
  const { data, graph } = graphOf([
    { stack: ['a@app', 'main@app'], count: 5 },
    { stack: ['b@app', 'main@app'], count: 3 },
    { stack: ['main@app'], count: 2 },
  ])
  assert.equal(data.events[0]?.samples, 10)
  assert.equal(graph.samples[0], 10)
  assert.equal(graph.weight[0], 10 * Number(PERIOD))
  assert.deepEqual(data.events[0]?.losses, [['missed', 2]])
})

test('siblings stand side by side from the left edge of their parent, by name', () => {
  const { graph, text } = graphOf([
    { stack: ['b@app', 'main@app'], count: 3 },
    { stack: ['a@app', 'main@app'], count: 5 },
  ])
  const placed = Array.from(graph.label, (label, node) => [
    text[label],
    graph.row[node],
    graph.start[node]! / Number(PERIOD),
  ])
  assert.deepEqual(placed, [
    ['all', 0, 0],
    ['app', 1, 0],
    ['main', 2, 0],
    ['a', 3, 0],
    ['b', 3, 5],
  ])
  assert.deepEqual([...graph.end], [5, 5, 5, 4, 5])
})

test('samples of different worth keep it', () => {
  const { data, graph } = graphOf([
    { stack: ['a@app'], value: 7n },
    { stack: ['b@app'], value: 11n },
  ])
  assert.ok(Array.isArray(data.events[0]?.value))
  assert.equal(graph.weight[0], 18)
})

test('a search counts a found frame below a found frame once', () => {
  const { graph, text } = graphOf([
    { stack: ['walk@app', 'walk@app', 'main@app'], count: 4 },
    { stack: ['walk@app', 'main@app'], count: 2 },
    { stack: ['other@app', 'main@app'], count: 2 },
  ])
  const found = Uint8Array.from(text, (name) => (name === 'walk' ? 1 : 0))
  assert.equal(weightOfFound(graph, found), 6 * Number(PERIOD))
})

test('the hottest functions are by their own weight, totals count recursion once', () => {
  const { graph, text } = graphOf([
    { stack: ['walk@app', 'walk@app', 'main@app'], count: 4 },
    { stack: ['other@app', 'main@app'], count: 5 },
  ])
  const hottest = hottestOf(graph, text.length, 10).map(({ label, self, total }) => [
    text[label],
    self / Number(PERIOD),
    total / Number(PERIOD),
  ])
  assert.deepEqual(hottest, [
    ['other', 5, 5],
    ['walk', 4, 4],
  ])
})

test('searches ignore case unless they have any, and take what is no strict expression', () => {
  assert.ok(patternOf('malloc')?.test('Malloc'))
  assert.ok(!patternOf('Malloc')?.test('malloc'))
  assert.ok(patternOf('a\\-b')?.test('a-b'))
  assert.equal(patternOf('('), undefined)
})
