// What can be set of perf_data.

import * as z from 'zod'
import { CLOCK_NAMES } from '../../core/clock-ids.ts'
import { byteSizeSchema, durationSchema, fileModeSchema } from '../../core/quantity-schema.ts'
import { SETTING_FACTS } from '../../core/setting-facts.ts'
import { STAMPED } from './destination.ts'

const COMPRESSIONS = ['none', 'zstd'] as const
/** Higher ones take half a gigabyte of memory. */
const MAX_LEVEL = 19

export const schema = z
  .strictObject({
    directory: z
      .string()
      .min(1)
      .optional()
      .describe('Where the files go; default: profiles below the data directory')
      .register(SETTING_FACTS, { insteadOf: ['file'] }),
    file: z
      .string()
      .min(1)
      .optional()
      .describe('One file of exactly this name instead: no rotation, no retention, unless stamped is always')
      .register(SETTING_FACTS, { insteadOf: ['directory'] }),
    stamped: z
      .enum(STAMPED)
      .default('rotated')
      .describe(
        'Which files get the time behind the name of file, FILE.YYYYMMDDhhmmsscc as perf record has it: those that SIGUSR2 or the flight recorder finish (rotated), or all, which rotation and retention then hold for (always)',
      ),
    rotationInterval: durationSchema.prefault('1h').describe('A file is closed after this time; 0: never'),
    maxFileBytes: byteSizeSchema
      .prefault('100MiB')
      .describe(
        'A file is closed before it exceeds this, and at the latest at half of maxTotalBytes; 0: never',
      ),
    maxFiles: z.int().min(0).default(240).describe('Finished files to keep; 0: no limit'),
    maxTotalBytes: byteSizeSchema
      .prefault('1GiB')
      .describe('Bytes that all files together may take; 0: no limit'),
    clock: z
      .enum(CLOCK_NAMES)
      .default('monotonic')
      .describe(
        'By which the times of the files go: monotonic, monotonic_raw, realtime, boottime or tai; as exact as the clocks run side by side within a window',
      ),
    compression: z
      .enum(COMPRESSIONS)
      .default('none')
      .describe('Of finished files: none or zstd. While a file is written it is plain'),
    compressionLevel: z.int().min(1).max(MAX_LEVEL).default(3).describe('From 1 (fast) to 19 (small)'),
    mode: fileModeSchema
      .prefault('0600')
      .describe('Permissions of files; directories can be entered by who may read files'),
  })
  .refine(({ directory, file }) => directory === undefined || file === undefined, {
    message: 'state either directory or file, not both',
  })

export type PerfDataConfig = z.output<typeof schema>
