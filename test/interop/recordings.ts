// Recordings of programs whose samples are known, and what Sonde itself says of them.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { type ReadPprof, readPprof } from '../support/pprof-reader.ts'
import { readSummary } from '../support/sonde.ts'
import { sonde } from './tools.ts'

export interface Recording {
  /** perf.data. */
  readonly file: string
  readonly taken: number
}

/** Each command's processes, 999 times a second unless `options` say otherwise. */
export async function recorded(
  t: TestContext,
  directory: string,
  command: readonly string[],
  options: readonly string[] = ['-F', '999'],
): Promise<Recording> {
  const file = join(directory, 'perf.data')
  const summary = join(directory, 'recorded.json')
  const run = await sonde(t, ['record', ...options, '-o', file, '--summary', summary, '--', ...command])
  assert.equal(run.status, 0, run.stderr)
  const { taken } = readSummary(summary).samples
  assert.ok(taken > 100, `only ${taken} samples of ${command.join(' ')}`)
  return { file, taken }
}

export const readGzippedPprof = (path: string): ReadPprof => readPprof(gunzipSync(readFileSync(path)))

/** Adds up the figures of what has the same key. */
export function totals<Item>(
  items: Iterable<Item>,
  keyOf: (item: Item) => string,
  valueOf: (item: Item) => number,
): Record<string, number> {
  const sums = new Map<string, number>()
  for (const item of items) sums.set(keyOf(item), (sums.get(keyOf(item)) ?? 0) + valueOf(item))
  return Object.fromEntries([...sums].sort(([one], [other]) => (one < other ? -1 : 1)))
}

/** Samples of each process in our pprof. */
export const byProcess = ({ samples }: ReadPprof): Record<string, number> =>
  totals(
    samples,
    ({ labels }) => String(labels.pid),
    ({ values }) => Number(values[0]),
  )
