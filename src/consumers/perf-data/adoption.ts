// What a process that was killed left behind: its `.part` files are valid up to their last flush.

import { FILE_HEADER_BYTES, MAGIC } from '../../formats/perf-data/layout.ts'
import { featuresEnd, readHeader } from '../../formats/perf-data/reader.ts'
import { PartFile, type TryLock } from './part-file.ts'

/**
 * What became of `<target>.part`. `busy`: a living process writes it. `empty`: there was nothing in it, so it was
 * removed. `foreign`: it is no perf.data of ours and was left alone.
 */
export type Adoption = 'finished' | 'empty' | 'busy' | 'foreign'

/** Finishes `<target>.part` under the name that `freeName` gives, if nobody writes it any more. */
export async function adopt(
  target: string,
  tryLock: TryLock,
  freeName: () => Promise<string>,
): Promise<Adoption> {
  const part = await PartFile.adopt(target, tryLock)
  if (part === undefined) return 'busy'
  const end = await validEnd(part)
  switch (end) {
    case 'empty':
      await part.discard()
      return 'empty'
    case 'foreign':
      await part.abandon()
      return 'foreign'
    default:
      // What stands behind was under way when the writer died; no header speaks of it.
      if ((await part.size()) > end) await part.truncate(end)
      await part.finish(await freeName())
      return 'finished'
  }
}

/** Where the valid bytes end. */
async function validEnd(part: PartFile): Promise<number | 'empty' | 'foreign'> {
  const head = await part.read(0, FILE_HEADER_BYTES)
  if (head.every((byte) => byte === 0)) return 'empty'
  if (head.length < FILE_HEADER_BYTES || new DataView(head.buffer).getBigUint64(0, true) !== MAGIC)
    return 'foreign'
  const header = readHeader(head)
  if (header.data.size === 0) return 'empty'
  const size = await part.size()
  const tableAt = header.data.offset + header.data.size
  if (tableAt > size) return 'foreign'
  return featuresEnd(header, await part.read(tableAt, header.features.length * 16))
}
