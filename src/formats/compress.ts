import { constants, gzipSync, zstdCompressSync } from 'node:zlib'
import type { ContentEncoding } from '../core/delivery.ts'

/** Levels of gzip and zstd. */
const LEVELS = {
  /** For files: samples are sorted so that it does not matter much. */
  quick: { gzip: 1, zstd: 1 },
  /** For what somebody pays for by the byte: a tenth less, for a third more time. */
  small: { gzip: 6, zstd: 3 },
} as const
export type Effort = keyof typeof LEVELS

export function compress(bytes: Uint8Array, encoding: ContentEncoding, effort: Effort = 'quick'): Uint8Array {
  const level = LEVELS[effort]
  switch (encoding) {
    case 'identity':
      return bytes
    case 'gzip':
      return gzipSync(bytes, { level: level.gzip })
    case 'zstd':
      return zstdCompressSync(bytes, { params: { [constants.ZSTD_c_compressionLevel]: level.zstd } })
  }
}
