// Recordings of programs whose samples are known, and what Sonde itself says of them.

import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { type ReadPprof, readPprof } from '../support/pprof-reader.ts'
import { readSummary, sum } from '../support/sonde.ts'
import { sonde } from './tools.ts'

export interface Recording {
  /** perf.data. */
  readonly file: string
  readonly taken: number
  readonly lost: number
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
  const { taken, lost } = readSummary(summary).samples
  assert.ok(taken > 100, `only ${taken} samples of ${command.join(' ')}`)
  return { file, taken, lost: sum(Object.values(lost)) }
}

export const readGzippedPprof = (path: string): ReadPprof => readPprof(gunzipSync(readFileSync(path)))

/** Adds up the figures of what has the same key. */
export function totals<Item>(
  items: Iterable<Item>,
  keyOf: (item: Item) => string,
  figureOf: (item: Item) => number,
): Record<string, number> {
  const sums = new Map<string, number>()
  for (const item of items) sums.set(keyOf(item), (sums.get(keyOf(item)) ?? 0) + figureOf(item))
  return Object.fromEntries([...sums].sort(([one], [other]) => (one < other ? -1 : 1)))
}

/** Samples of each process in our pprof. */
export const byProcess = ({ samples }: ReadPprof): Record<string, number> =>
  totals(
    samples,
    ({ labels }) => String(labels.pid),
    ({ values }) => Number(values[0]),
  )

/** Writes a configuration of the agent whose only consumer is `otlp_profiles` with these options; its path. */
export function agentConfig(
  directory: string,
  options: Readonly<Record<string, unknown>>,
  sampler: Readonly<Record<string, unknown>> = {},
): string {
  const path = join(directory, 'agent.yaml')
  const config = {
    apiVersion: 'sonde/v1',
    kind: 'AgentConfig',
    spec: {
      sampler: { frequency: 997, window: '1s', ...sampler },
      consumers: [{ type: 'otlp_profiles', ...options }],
    },
  }
  writeFileSync(path, JSON.stringify(config)) // YAML, too
  return path
}
