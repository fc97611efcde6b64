// A policy's sources as the native side takes them.

import { SYMBOL_SOURCES, type SymbolPolicy } from '../core/symbol-policy.ts'
import type { NativeSymbolSources } from '../native/binding.ts'

export const nativeSources = ({
  sources,
  debugDirectories,
  recorded,
}: Pick<SymbolPolicy, 'sources' | 'debugDirectories' | 'recorded'>): NativeSymbolSources => ({
  sources: sources.map((source) => SYMBOL_SOURCES.indexOf(source)),
  debugDirectories,
  ...(recorded?.symfs !== undefined && { recordedRoot: recorded.symfs }),
  ...(recorded !== undefined && { buildIdCaches: recorded.buildIdCaches }),
})
