// Which files have to go so that a directory stays within its limits.

export interface RetentionLimits {
  /** Finished files to keep; 0: as many as there are. */
  readonly maxFiles: number
  /** Bytes of finished files and of the one being written; 0: no limit. */
  readonly maxTotalBytes: number
}

export interface KeptFile {
  readonly path: string
  readonly bytes: number
}

/**
 * The oldest files, as many as have to be deleted.
 * @param oldestFirst finished files only: one that is being written is never named
 * @param bytesBeingWritten what the file being written holds of the byte budget
 */
export function surplus<File extends KeptFile>(
  oldestFirst: readonly File[],
  limits: RetentionLimits,
  bytesBeingWritten = 0,
): File[] {
  let total = oldestFirst.reduce((sum, file) => sum + file.bytes, bytesBeingWritten)
  let files = oldestFirst.length
  const tooMany = () => limits.maxFiles > 0 && files > limits.maxFiles
  const tooMuch = () => limits.maxTotalBytes > 0 && total > limits.maxTotalBytes
  const result: File[] = []
  for (const file of oldestFirst) {
    if (!tooMany() && !tooMuch()) break
    result.push(file)
    files--
    total -= file.bytes
  }
  return result
}
