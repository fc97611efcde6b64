// The symbolizer that a policy needs, loaded when it is needed.

import { join } from 'node:path'
import { asksProcessesOnly, type SymbolPolicy } from '../core/symbol-policy.ts'
import type { Milliseconds } from '../core/units.ts'
import type { NativeAddon } from '../native/binding.ts'
import type { NativeSymbolizer, SymbolizerOptions } from './symbolizer.ts'
import type { RecordingPlace, Trust } from './trust.ts'

export interface SymbolizerRequest {
  readonly policy: SymbolPolicy
  readonly addon: NativeAddon
  readonly trust: Trust
  /** How long somebody waits for the names of a window that begins now. */
  readonly limit: () => Milliseconds
  readonly dataDirectory: string
  /** Of a recording that is a file here. */
  readonly place?: RecordingPlace | undefined
}

/** Symbol tables of a busy machine's programs fit; what does not is read again. */
const MAX_CACHE_BYTES = 16 * 2 ** 20

/** Its answer has to arrive in time. */
const ANSWER_MS = 500

export async function openSymbolizer(request: SymbolizerRequest): Promise<NativeSymbolizer> {
  const { addon, trust, policy, limit } = request
  const options: SymbolizerOptions = {
    addon,
    limitMs: () => beforeEnd(limit()),
    maxCacheBytes: MAX_CACHE_BYTES,
    trust,
    place: request.place,
    policy: withCacheDirectory(policy, request.dataDirectory),
  }
  return asksProcessesOnly(policy)
    ? (await import('./generated-code.ts')).createGeneratedCodeSymbolizer(options)
    : (await import('./symbolizer.ts')).createSymbolizer(options)
}

const beforeEnd = (limit: Milliseconds): number => Math.floor(limit - Math.min(ANSWER_MS, limit / 4))

/** Debug files that servers gave are kept below the data directory, unless another place was configured. */
const withCacheDirectory = (policy: SymbolPolicy, dataDirectory: string): SymbolPolicy =>
  policy.debuginfod === undefined
    ? policy
    : {
        ...policy,
        debuginfod: {
          ...policy.debuginfod,
          cacheDirectory: policy.debuginfod.cacheDirectory ?? join(dataDirectory, 'debuginfod'),
        },
      }
