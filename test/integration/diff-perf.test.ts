// The shares that sonde diff gives to symbols are those of perf diff.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { sonde } from '../support/sonde.ts'
import { NO_PERF, perf, temporaryDirectory } from './perf-data-tools.ts'

interface Share {
  readonly before: number
  readonly change: number
}

/** `45.68%  -8.57%  libc.so.6  [.] strlen`; the first is missing where the symbol is new, the second where it has gone. */
function sharesOfPerf(text: string): ReadonlyMap<string, Share> {
  const shares = new Map<string, Share>()
  for (const line of text.split('\n')) {
    const row = /^ *([\d.]+%)? +([+-][\d.]+%)? +(\S+) +\[[.k]\] ([^\s].*?) *$/.exec(line)
    if (row === null || /^0x/.test(row[4]!)) continue
    const before = Number.parseFloat(row[1] ?? '0')
    shares.set(`${row[4]} ${row[3]}`, { before, change: Number.parseFloat(row[2] ?? `${-before}`) })
  }
  return shares
}

/** `1.23 %  4.40 %  +3.17  …  strlen  libc.so.6` */
function sharesOfSonde(text: string): ReadonlyMap<string, Share> {
  const shares = new Map<string, Share>()
  for (const line of text.split('\n')) {
    const row = /^ *([\d.]+) % +[\d.]+ % +(\S+) +[\d.]+ % +[\d.]+ % +\S+ {2}(.*?) {2}(\S+)$/.exec(line)
    if (row === null) continue
    shares.set(`${row[3]} ${row[4]}`, { before: Number(row[1]), change: Number(row[2]!.replace('−', '-')) })
  }
  return shares
}

test('what a symbol lost or gained is what perf diff says of the same two files', { skip: NO_PERF }, (t) => {
  const cwd = temporaryDirectory(t)
  const files = [60_000, 180_000].map((turns) => join(cwd, `${turns}.data`)) as [string, string]
  for (const file of files) {
    const loop = `i=0; while [ $i -lt ${/(\d+)\.data$/.exec(file)?.[1]} ]; do i=$((i+1)); done; ls -lR /usr/share/doc >/dev/null`
    const { status, stderr } = spawnSync(
      'perf',
      ['record', '-q', '--buildid-mmap', '-F', '2999', '-e', 'cpu-clock', '-o', file, '--', 'sh', '-c', loop],
      { encoding: 'utf8' },
    )
    if (status !== 0) return t.skip(`perf record does not work here: ${stderr.trim()}`)
  }
  const { status, stdout, stderr } = sonde(['diff', ...files, '--top', '10000'])
  assert.equal(status, 0, stderr)
  const [actual, expected] = [sharesOfSonde(stdout), sharesOfPerf(perf('diff', ...files))]
  let compared = 0
  for (const [symbol, { before, change }] of expected) {
    // Where several names stand at an address, each tool has its own taste.
    const own = actual.get(symbol)
    if (own === undefined) continue
    compared++
    assert.ok(Math.abs(own.before - before) < 0.011, `${symbol}: ${own.before} % and ${before} %`)
    assert.ok(Math.abs(own.change - change) < 0.011, `${symbol}: ${own.change} and ${change}`)
  }
  t.diagnostic(`${compared} of ${expected.size} symbols compared`)
  assert.ok(compared >= 10 && compared >= expected.size / 2, `${compared} of ${expected.size}`)
})
