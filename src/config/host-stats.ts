// HostStatsCollectionConfig, of the predecessor: which of the kernel's metrics are to be collected. This version collects none.

import * as z from 'zod'
import { expecting } from './expecting.ts'
import { plainDocument } from './identity-schema.ts'
import type { PayloadShape } from './payload.ts'
import { fieldProblem, problemsOf } from './problems.ts'
import { unwrap, type WrappedKind, wrapperSchema } from './wrapper.ts'
import type { Path, YamlDocument } from './yaml-document.ts'

export const HOST_STATS_KIND = 'HostStatsCollectionConfig'
export const HOST_STATS_TYPE = `sonde.v1.${HOST_STATS_KIND}`
export const PREDECESSORS_HOST_STATS_TYPE = `antimetal.agent.v1.${HOST_STATS_KIND}`

const collectorText = expecting("a collector's name, such as cpu")
const collector = z
  .string({ error: collectorText })
  .min(1, { error: collectorText })
  .max(253, { error: collectorText })
  .describe('What is collected: cpu, memory, disk, network …')

const interval = (least: 0 | 1) => {
  const error = expecting(`a whole number from ${least} to ${MAX_INTERVAL_SECONDS}`)
  return z
    .int({ error })
    .min(least, { error })
    .max(MAX_INTERVAL_SECONDS, { error })
    .optional()
    .describe('How often it is collected')
}
/** A day. */
const MAX_INTERVAL_SECONDS = 86_400

export const plainHostStatsSchema = plainDocument(
  HOST_STATS_KIND,
  z.strictObject({ collector, intervalSeconds: interval(1) }),
)

const fields = z.strictObject({ collector, interval_seconds: interval(0) })
export const wrappedHostStatsSchema = wrapperSchema([HOST_STATS_TYPE, PREDECESSORS_HOST_STATS_TYPE], fields)

const SHAPE: PayloadShape = {
  1: { name: 'collector', is: 'text' },
  2: { name: 'interval_seconds', is: 'number' },
}
const wrapped = {
  message: HOST_STATS_KIND,
  wrapper: wrappedHostStatsSchema,
  schema: fields,
  shape: SHAPE,
  fields: Object.keys(fields.shape),
}

/** By the wrapper's type. */
export const WRAPPED_HOST_STATS: ReadonlyMap<string, WrappedKind<z.output<typeof fields>>> = new Map([
  [HOST_STATS_TYPE, { ...wrapped, unknownNumbers: 'refused' }],
  [PREDECESSORS_HOST_STATS_TYPE, { ...wrapped, unknownNumbers: 'told' }],
])

/** What is wrong with it, and if nothing is, that it cannot be honoured. */
export function plainHostStatsProblems(document: YamlDocument): readonly string[] {
  const parsed = plainHostStatsSchema.safeParse(document.value)
  return parsed.success
    ? [notHonoured(document, ['spec', 'collector'], parsed.data.spec.collector)]
    : problemsOf(parsed.error, plainHostStatsSchema, document, [])
}

/** The same of the wrapper. */
export function wrappedHostStatsProblems(
  document: YamlDocument,
  kind: WrappedKind<z.output<typeof fields>>,
): readonly string[] {
  const unwrapping = unwrap(document, kind)
  if (unwrapping.is === 'invalid') return unwrapping.problems
  const { base, fields: stated } = unwrapping.value
  return [notHonoured(document, [...base, 'collector'], stated.collector)]
}

const notHonoured = (document: YamlDocument, path: Path, name: string): string =>
  fieldProblem(
    document,
    path,
    `this version of Sonde collects no metrics of the kernel, so that it cannot honour a ${HOST_STATS_KIND} for '${name}': a later version will. Take it out until then`,
  )
