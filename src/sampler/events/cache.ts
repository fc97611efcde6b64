// Cache events: `L1-dcache-load-misses`, made of a cache, what is done with it and how that ends, as perf names them.

import { EVENT_TYPE } from '../../core/profile.ts'
import type { EventKind } from './names.ts'

/** In the order of PERF_COUNT_HW_CACHE_*, perf's own spelling first; `ops` are the operations that perf lets it have. */
const CACHES = [
  { names: ['L1-dcache', 'l1-d', 'l1d', 'L1-data'], ops: [0, 1, 2] },
  { names: ['L1-icache', 'l1-i', 'l1i', 'L1-instruction'], ops: [0, 2] },
  { names: ['LLC', 'L2'], ops: [0, 1, 2] },
  { names: ['dTLB', 'd-tlb', 'Data-TLB'], ops: [0, 1, 2] },
  { names: ['iTLB', 'i-tlb', 'Instruction-TLB'], ops: [0] },
  { names: ['branch', 'branches', 'bpu', 'btb', 'bpc'], ops: [0] },
  { names: ['node'], ops: [0, 1, 2] },
] as const

/** PERF_COUNT_HW_CACHE_OP_*: the name before a result, the one without, and the others. */
const OPERATIONS = [
  ['load', 'loads', 'read'],
  ['store', 'stores', 'write'],
  ['prefetch', 'prefetches', 'speculative-read', 'speculative-load'],
] as const

/** PERF_COUNT_HW_CACHE_RESULT_* */
const RESULTS = [
  ['refs', 'Reference', 'ops', 'access'],
  ['misses', 'miss'],
] as const
const MISSES = 1

/** Undefined where the name is none of a cache event, or of one that no machine has. */
export function cacheEventOf(text: string): EventKind | undefined {
  for (const [type, cache] of CACHES.entries()) {
    for (const rest of restsBehind(text, cache.names)) {
      const what = operationAndResult(rest)
      if (what === undefined || !cache.ops.some((op) => op === what.operation)) continue
      return cacheEvent(type, what)
    }
  }
  return undefined
}

interface OperationAndResult {
  readonly operation: number
  readonly result: number
}

function cacheEvent(type: number, { operation, result }: OperationAndResult): EventKind {
  const [single, plural] = OPERATIONS[operation] ?? OPERATIONS[0]
  const what = result === MISSES ? `${single}-${RESULTS[MISSES][0]}` : plural
  return {
    name: `${CACHES[type]?.names[0]}-${what}`,
    type: EVENT_TYPE.cache,
    config: BigInt(type | (operation << 8) | (result << 16)),
    unit: 'count',
  }
}

/** An operation alone is every access, a result alone is one of loads. */
function operationAndResult(text: string): OperationAndResult | undefined {
  if (text === '') return { operation: 0, result: 0 }
  const alone = placeIn(RESULTS, text.slice(1))
  if (alone >= 0) return { operation: 0, result: alone }
  for (const [operation, names] of OPERATIONS.entries()) {
    for (const rest of restsBehind(text.slice(1), names)) {
      const result = rest === '' ? 0 : placeIn(RESULTS, rest.slice(1))
      if (result >= 0) return { operation, result }
    }
  }
  return undefined
}

/** What follows one of the names: nothing, or what begins with a dash. */
const restsBehind = (text: string, names: readonly string[]): readonly string[] =>
  names
    .filter((name) => text.toLowerCase().startsWith(name.toLowerCase()))
    .map((name) => text.slice(name.length))
    .filter((rest) => rest === '' || rest.startsWith('-'))

const placeIn = (lists: readonly (readonly string[])[], name: string): number =>
  lists.findIndex((names) => names.some((each) => each.toLowerCase() === name.toLowerCase()))

/** Of all cache events that can be, by perf's own spelling. */
export const CACHE_NAMES: readonly string[] = CACHES.flatMap(({ ops }, type) =>
  ops.flatMap((operation) => [0, MISSES].map((result) => cacheEvent(type, { operation, result }).name)),
)
