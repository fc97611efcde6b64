import { DEBUG_DIRECTORIES, SYMBOL_SOURCES } from '../../src/core/symbol-policy.ts'
import type { NativeSymbolsOptions } from '../../src/native/binding.ts'

/** The default policy, with room for large programs. */
export const ALL_SOURCES: NativeSymbolsOptions = {
  maxCacheBytes: 64 << 20,
  sources: SYMBOL_SOURCES.map((_, index) => index),
  debugDirectories: DEBUG_DIRECTORIES,
}

/** Only what the file itself lists, which is what nm reads. */
export const OWN_TABLES: NativeSymbolsOptions = {
  ...ALL_SOURCES,
  sources: [SYMBOL_SOURCES.indexOf('symtab'), SYMBOL_SOURCES.indexOf('dynsym')],
}
