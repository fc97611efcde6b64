// spec.symbols: where names of functions come from.

import * as z from 'zod'
import { byteSizeSchema, durationSchema } from '../core/quantity-schema.ts'
import { DEBUGINFOD_DEFAULTS, DEFAULT_SYMBOL_POLICY, SYMBOL_SOURCES } from '../core/symbol-policy.ts'

const directorySchema = z.string().startsWith('/', 'expected an absolute path')

const debuginfodSchema = z
  .strictObject({
    urls: z
      .array(z.url({ protocol: /^https?$/, error: 'expected an http or https URL' }))
      .min(1, 'at least one URL is needed')
      .describe('Servers that are asked for the debug files that this machine lacks'),
    cacheDirectory: directorySchema
      .optional()
      .describe('Where they are kept; default: debuginfod below the data directory'),
    maxCacheBytes: byteSizeSchema.default(DEBUGINFOD_DEFAULTS.maxCacheBytes).describe('Bytes of all of them'),
    timeout: durationSchema.default(DEBUGINFOD_DEFAULTS.timeout).describe('Of one file'),
    maxFileBytes: byteSizeSchema.default(DEBUGINFOD_DEFAULTS.maxFileBytes).describe('Bytes of one file'),
    perMinute: z
      .int('expected a whole number')
      .min(1, 'expected 1 or more')
      .default(DEBUGINFOD_DEFAULTS.perMinute)
      .describe('Files that are asked for in a minute'),
  })
  .transform((debuginfod) => ({ ...DEBUGINFOD_DEFAULTS, ...debuginfod }))

/** A SymbolPolicy, as documents spell it. */
export const symbolsSchema = z
  .strictObject({
    sources: z
      .array(z.enum(SYMBOL_SOURCES, `expected ${SYMBOL_SOURCES.join(', ')}`))
      .refine((sources) => new Set(sources).size === sources.length, 'a source stands here twice')
      .default([...DEFAULT_SYMBOL_POLICY.sources])
      .describe('Where names of functions come from: the first that knows a frame names it'),
    debugDirectories: z
      .array(directorySchema)
      .default([...DEFAULT_SYMBOL_POLICY.debugDirectories])
      .describe('Directories with .build-id/ab/cdef….debug below them'),
    lines: z
      .boolean('expected true or false')
      .default(DEFAULT_SYMBOL_POLICY.lines)
      .describe('Source lines and inlined functions, from DWARF'),
    debuginfod: debuginfodSchema.optional(),
  })
  .transform((symbols) => ({ ...DEFAULT_SYMBOL_POLICY, ...symbols }))
