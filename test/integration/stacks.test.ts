// How far stacks can be trusted: what is said live is what the file says afterwards.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { BACK_ENDS } from '../../src/core/back-end.ts'
import { whyNot } from '../support/back-ends.ts'
import { readSummary, sonde, sum, temporaryDirectory } from '../support/sonde.ts'
import { withoutStackNotes } from './perf-data-tools.ts'

/** Two programs of different kinds, one after the other, with children that come and go. */
const MIXED = [
  'sh',
  '-c',
  'i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; ls -lR /usr/share/doc >/dev/null; ' +
    `'${process.execPath}' -e 'const end = Date.now() + 500; while (Date.now() < end) JSON.stringify([1, 2, 3])'`,
] as const

/** Node.js has no build id, so that what has no name there (a stub) is an address of the file once and an offset later. */
const linesOf = (path: string): string[] =>
  readFileSync(path, 'utf8')
    .replaceAll(/\bnode\+0x[0-9a-f]+/g, 'node+?')
    .split('\n')
    .sort()

const same = 'a recording says of its stacks what was said when it was made: summary, report, flame graphs'
for (const backEnd of BACK_ENDS) {
  test(`${same} (${backEnd})`, (context) => {
    const reason = whyNot(backEnd)
    if (reason !== undefined) return context.skip(reason)
    const cwd = temporaryDirectory(context)
    const outputs = ['-o', 'perf.data', '-o', 'live.folded', '--summary', 'live.json']
    const recorded = sonde(['record', '--sampler', backEnd, '-F', '499', ...outputs, '--', ...MIXED], { cwd })
    assert.equal(recorded.status, 0, recorded.stderr)
    const args = ['convert', 'perf.data', '-o', 'again.folded', '--summary', 'again.json']
    assert.equal(sonde(args, { cwd }).status, 0)

    const [live, again] = ['live.json', 'again.json'].map((name) => readSummary(join(cwd, name)).stacks)
    assert.ok(live !== undefined)
    assert.deepEqual(again, live)
    assert.deepEqual(Object.keys(live.languages).sort(), ['native', 'node'])
    assert.deepEqual(linesOf(join(cwd, 'again.folded')), linesOf(join(cwd, 'live.folded')))

    const { complete, unverified, broken } = live
    const samples = complete + unverified + sum(Object.values(broken))
    const share = `${(Math.floor((1000 * complete) / samples) / 10).toFixed(1)} %`
    const report = sonde(['report', '--stacks', '--top', '3'], { cwd }).stdout
    assert.ok(report.startsWith(`perf.data: stacks, ${samples} samples, ${share} complete`), report)
    for (const reason of Object.keys(broken)) assert.ok(report.includes(reason), reason)
    assert.match(report, /^complete +samples +unverified +broken +language$/m)
    assert.match(report, /^ +[\d.]+ % +\d+ +\d+ +\d+ +\d+ {2}\w+ \(node\)$/m)
    assert.match(recorded.stderr, new RegExp(`record: stacks: ${share.replace('.', '\\.')} complete \\(`))
  })
}

test('a file whose writer was killed has stacks that nobody vouches for', (context) => {
  const cwd = temporaryDirectory(context)
  sonde(['record', '-F', '499', '--summary', 'live.json', '--', ...MIXED], { cwd })
  withoutStackNotes(join(cwd, 'perf.data'))
  const { taken } = readSummary(join(cwd, 'live.json')).samples
  sonde(['convert', 'perf.data', '-o', 'x.folded', '--summary', 'again.json'], { cwd })
  const { stacks, samples } = readSummary(join(cwd, 'again.json'))
  assert.equal(samples.taken, taken)
  assert.equal(stacks.complete, 0)
  assert.ok(stacks.unverified > 0)
})

test('stacks by frame pointers are unverified, and the file says how it was made', (context) => {
  const cwd = temporaryDirectory(context)
  const recorded = sonde(['record', '--call-graph', 'fp', '--summary', 's.json', '--', ...MIXED], { cwd })
  assert.equal(recorded.status, 0, recorded.stderr)
  const { stacks, sessions } = readSummary(join(cwd, 's.json'))
  assert.equal(stacks.complete, 0)
  assert.ok(stacks.unverified > 0)
  assert.deepEqual(sessions[0]?.callGraph, { method: 'fp' })
})

test('--call-graph says what it takes', () => {
  for (const [how, problem] of [
    ['lbr', /expected fp, dwarf or dwarf,BYTES/],
    ['dwarf,65536', /expected 256 to 32768 bytes: a record of the kernel ends below 64 KiB/],
  ] as const) {
    const wrong = sonde(['record', '--call-graph', how, '--', 'true'])
    assert.equal(wrong.status, 2)
    assert.match(wrong.stderr, problem)
  }
})

test('report --stacks is about perf.data, and stands alone', (context) => {
  const cwd = temporaryDirectory(context)
  const outputs = ['-o', 'p.data', '-o', 'p.pb.gz']
  sonde(['record', '-F', '999', ...outputs, '--', ...MIXED], { cwd })
  for (const [args, problem] of [
    [['p.pb.gz'], /pprof does not say how far a stack can be trusted/],
    [['p.data', '--by', 'pid'], /Either --stacks or --by/],
  ] as const) {
    const wrong = sonde(['report', '--stacks', ...args], { cwd })
    assert.equal(wrong.status, 2, wrong.stderr)
    assert.match(wrong.stderr, problem)
  }
})
