// sonde diff, judged by perf diff on the same files.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { run, sonde, temporaryDirectory } from '../support/sonde.ts'
import { NO_PERF } from './perf-data-tools.ts'

const LOOP = 'i=0; while [ $i -lt 60000 ]; do i=$((i+1)); done'
const BEFORE = `${LOOP}; ls -lR /usr/bin /etc >/dev/null`
const AFTER = `${LOOP}; ${LOOP}; awk "BEGIN { while (i++ < 1e6); }"`

/** `name` to percentages of the first file and points of change. */
type Rows = ReadonlyMap<string, readonly [before: number, change: number]>

/** `    12.30%     +1.53%  sh`: either figure is missing where only one of the files has it. */
function perfRows(text: string): Rows {
  const rows = new Map<string, [number, number]>()
  for (const line of text.split('\n')) {
    const match = /^\s{0,8}(\s*[\d.]+%)?\s+([+-][\d.]+%)?\s+(\S.*?)\s*$/.exec(line)
    if (line.startsWith('#') || match === null || (match[1] ?? match[2]) === undefined) continue
    const before = Number.parseFloat(match[1] ?? '0')
    rows.set(match[3]!, [before, match[2] === undefined ? -before : Number.parseFloat(match[2])])
  }
  return rows
}

function sondeRows(text: string): Rows {
  const rows = [...text.matchAll(/^ +([\d.]+) % +[\d.]+ % +([−+][\d.]+) {2}(.+)$/gm)]
  return new Map(
    rows.map(([, before, change = '', name = '']) => [
      name,
      [Number(before), Number(change.replace('−', '-'))],
    ]),
  )
}

test('the shares and changes of threads are those that perf diff has', { skip: NO_PERF }, (t) => {
  const cwd = temporaryDirectory(t)
  for (const [file, workload] of [
    ['a.data', BEFORE],
    ['b.data', AFTER],
  ] as const) {
    const { status, stderr } = spawnSync(
      'perf',
      [
        'record',
        '-q',
        '--buildid-mmap',
        '-F',
        '997',
        '-e',
        'cpu-clock',
        '-g',
        '-o',
        file,
        '--',
        'sh',
        '-c',
        workload,
      ],
      { cwd, encoding: 'utf8' },
    )
    if (status !== 0) return t.skip(`perf record does not work here: ${stderr.trim()}`)
  }
  const judged = run('perf', ['diff', '--sort', 'comm', 'a.data', 'b.data'], { cwd })
  assert.equal(judged.status, 0, judged.stderr)
  const compared = sonde(['diff', 'a.data', 'b.data', '--by', 'comm'], { cwd })
  assert.equal(compared.status, 0, compared.stderr)
  const [theirs, ours] = [perfRows(judged.stdout), sondeRows(compared.stdout)]
  assert.ok(theirs.size >= 3, judged.stdout)
  assert.deepEqual([...ours.keys()].sort(), [...theirs.keys()].sort())
  for (const [comm, [before, change]] of theirs) {
    const [ownBefore, ownChange] = ours.get(comm)!
    assert.ok(Math.abs(ownBefore - before) < 0.011, `${comm}: ${ownBefore} instead of ${before}`)
    assert.ok(Math.abs(ownChange - change) < 0.021, `${comm}: ${ownChange} instead of ${change}`)
  }
})

test('perf.data and the pprof made of it do not differ, and pictures of a difference are written', (t) => {
  const cwd = temporaryDirectory(t)
  const files = ['-o', 'a.data', '-o', 'a.pb.gz']
  const { status, stderr } = sonde(['record', '-F', '997', ...files, '--', 'sh', '-c', BEFORE], { cwd })
  if (status !== 0) return t.skip(`sonde record does not work here: ${stderr.trim()}`)
  const same = sonde(['diff', 'a.data', 'a.pb.gz', '--by', 'comm', '-o', 'd.html', '-o', 'd.folded'], { cwd })
  assert.equal(same.status, 0, same.stderr)
  const rows = sondeRows(same.stdout)
  assert.ok(rows.size > 0, same.stdout)
  for (const [comm, [, change]] of rows) assert.equal(change, 0, comm)
  assert.ok(existsSync(join(cwd, 'd.html')))
  const folded = readFileSync(join(cwd, 'd.folded'), 'utf8').trimEnd().split('\n')
  for (const line of folded) assert.match(line, /^sh;.* \d+ \d+$|^\S+;.* \d+ \d+$/)
})

test('what cannot be compared is refused with a reason', (t) => {
  const cwd = temporaryDirectory(t)
  for (const [args, message] of [
    [['a.data'], /Two files are compared: sonde diff A B\./],
    [['a.data', 'b.data'], /There is no file a\.data\./],
    [
      ['/dev/null', '/dev/null', '--by', 'pid'],
      /Process numbers of two recordings say nothing about each other\./,
    ],
    [['/dev/null', '/dev/null', '-o', 'x.pb.gz'], /a comparison can be \.html or \.folded\./],
  ] as const) {
    const { status, stderr } = sonde(['diff', ...args], { cwd })
    assert.notEqual(status, 0)
    assert.match(stderr, message)
  }
})
