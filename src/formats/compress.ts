import { constants, gzipSync, zstdCompressSync } from 'node:zlib'
import type { ContentEncoding } from '../core/delivery.ts'

/** Quick rather than small: samples are sorted so that it does not matter much. */
export function compress(bytes: Uint8Array, encoding: ContentEncoding): Uint8Array {
  switch (encoding) {
    case 'identity':
      return bytes
    case 'gzip':
      return gzipSync(bytes, { level: 1 })
    case 'zstd':
      return zstdCompressSync(bytes, { params: { [constants.ZSTD_c_compressionLevel]: 1 } })
  }
}
