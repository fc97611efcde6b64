import type { NativeRecordedUnwinder } from '../../native/binding.ts'
import type { MappingWatcher } from './processes.ts'

/** Has an unwinder follow what processes map. */
export const mappingsFor = (unwinder: NativeRecordedUnwinder): MappingWatcher => ({
  mapped(pid, { image, mapping: { start, end, fileOffset } }) {
    const { path, buildId, contentHash = '', device, inode } = image
    unwinder.map(pid, { start, end, fileOffset, path, buildId, contentHash, device, inode })
  },
  cleared: (pid) => unwinder.clear(pid),
  inherited: (pid, parentPid) => unwinder.inherit(pid, parentPid),
})
