import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readYaml, readYamlDocuments } from '../../../src/config/yaml-document.ts'

const problemsIn = (text: string): readonly string[] =>
  readYamlDocuments(text, 'x.yaml').flatMap(({ problems }) => problems)

test('the text of each document, alone, says the same', () => {
  for (const text of [
    'a: 1\n---\n# c\nb: 2\n---\nc: 3\n',
    '# x\n---\na: 1\n...\n# y\n---\nb: 1\n',
    '---\na: 1\n--- {b: [2]}\n',
    '{"a": 1}',
  ]) {
    const documents = readYamlDocuments(text, 'x.yaml').map(({ document }) => document)
    assert.ok(documents.length > 0)
    for (const { text: own, value } of documents) assert.deepEqual(readYaml(own, 'own').value, value)
    assert.equal(documents.map((document) => document.text).join(''), text)
  }
})

test('places are those of the whole file, and a document says which one it is', () => {
  const [, second] = readYamlDocuments('a: 1\n---\nb:\n  c: 2\n', 'x.yaml')
  assert.deepEqual(second?.document.start, { line: 3, column: 1 })
  assert.deepEqual(second.document.placeOf(['b', 'c']), { line: 4, column: 6 })
  assert.deepEqual(second.document.placeOfKey(['b'], 'c'), { line: 4, column: 3 })
  assert.deepEqual([second.document.number, readYaml('a: 1', 'x.yaml').number], [2, undefined])
})

test('where one document is expected, a second is an error at its place', () => {
  assert.throws(() => readYaml('a: 1\n---\nb: 1\n', 'x.yaml'), {
    code: 'CONFIG.INVALID',
    message: 'x.yaml:3:1: one document is expected, not several',
  })
})

test('keys that stand twice or are no texts, tags and aliases without end are told, each at its place', () => {
  assert.deepEqual(problemsIn('a: 1\nb: {c: 1, d: 2, c: 3}\na: 2\n'), [
    'x.yaml:3:1: this key stands here twice',
    'x.yaml:2:17: this key stands here twice',
  ])
  assert.deepEqual(problemsIn('? [a]\n: 1\n'), ['x.yaml:1:3: a key has to be a text'])
  assert.deepEqual(problemsIn('a: !!js/function x'), [
    'x.yaml:1:4: Unresolved tag: tag:yaml.org,2002:js/function',
  ])
  assert.match(problemsIn('a: *b').join(), /^x\.yaml:1:1: Unresolved alias/)
  const bomb = `a: &a [x, x, x]\nb: &b [${'*a, '.repeat(60)}]\nc: [${'*b, '.repeat(60)}]\n`
  assert.match(problemsIn(bomb).join(), /^x\.yaml:1:1: Excessive alias count/)
})

test('of a broken document, what tells whose it is can still be read', () => {
  const [reading] = readYamlDocuments('kind: K\nmetadata: {name: n}\nspec: [\n', 'x.yaml')
  assert.ok(reading !== undefined && reading.problems.length > 0)
  const { kind, metadata } = reading.document.value as { kind: unknown; metadata: unknown }
  assert.deepEqual([kind, metadata], ['K', { name: 'n' }])
})
