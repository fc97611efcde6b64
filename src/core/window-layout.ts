// The window buffer: one little-endian buffer per window, filled by the native session (or by WindowBuilder), read in
// place by WindowView. native/core/perf/window_layout.h says the same in C++; a test compares the two.
//
//   header   u32 magic, u32 version, u32 section count, u32 0
//   table    per section: u32 kind, u32 session (SHARED or SessionInfo.id), u64 byte offset, u64 number of elements
//   sections each at a multiple of 8, elements of the width below

export const WINDOW_MAGIC = 0x314e5753 // "SWN1"
export const WINDOW_VERSION = 1
export const HEADER_BYTES = 16
export const SECTION_BYTES = 24
/** The `session` of a section that belongs to all sessions of the window. */
export const SHARED = 0xffff_ffff

/** kind → [number, bytes per element]. */
export const SECTIONS = {
  // shared: the window itself. u64: start, end (monotonic ns), unix minus monotonic ns (signed), sequence, snapshot length,
  // and 1 where every change of the kernel's code is among the kernel symbols
  window: [1, 8],
  stringOffsets: [2, 4], // length + 1; string 0 is ''
  stringBytes: [3, 1], // UTF-8 (invalid bytes are replaced when read)

  stackOffsets: [10, 4], // length + 1
  stackFrames: [11, 4],
  stackState: [12, 1], // STACK_STATES

  frameKind: [20, 1], // FRAME_KINDS
  frameFlags: [21, 1], // bit 0: return address
  frameMapping: [22, 4],
  frameAddress: [23, 8],
  interpreted: [24, 4], // 4 per row: language, function, file (strings), line
  frameFunction: [25, 4], // native frames: 1 + row of interpreted, 0: none; absent: no frame has one
  inlinedInto: [26, 4], // per row of interpreted: 1 + row of the function that it was inlined into, 0: none

  imageKind: [30, 1], // IMAGE_KINDS
  imagePath: [31, 4], // string
  imageBuildId: [32, 4], // string
  imageDevice: [33, 8],
  imageInode: [34, 8],
  imageRuntime: [35, 1], // IMAGE_RUNTIMES; absent: none is known
  imageGoBuildId: [36, 4], // string; absent: none is known
  imageContentHash: [37, 4], // the same

  mappingPid: [40, 4],
  mappingImage: [41, 4],
  mappingStart: [42, 8],
  mappingEnd: [43, 8],
  mappingFileOffset: [44, 8],
  mappingBias: [45, 8],
  mappingSpace: [46, 1], // ADDRESS_SPACES
  mappingProtection: [47, 4],
  mappingFlags: [48, 4],

  eventKind: [50, 1], // PROCESS_EVENT_KINDS
  eventFlags: [51, 1], // bit 0: synthesised; bit 1: comm because of exec
  eventTime: [52, 8],
  eventPid: [53, 4],
  eventTid: [54, 4],
  eventA: [55, 4], // comm: string; mmap: mapping; fork, exit: parent pid
  eventB: [56, 4], // fork, exit: parent tid

  kernelSymbolKind: [80, 1], // KERNEL_SYMBOL_KINDS
  kernelSymbolFlags: [81, 1], // bit 0: it is gone
  kernelSymbolTime: [82, 8],
  kernelSymbolStart: [83, 8],
  kernelSymbolLength: [84, 4],
  kernelSymbolName: [85, 4], // string

  cgroupId: [90, 8], // of every cgroup that a sample names
  cgroupPath: [91, 4], // string; '' where it was gone before anybody could ask

  // per session
  sampleTime: [60, 8],
  samplePid: [61, 4],
  sampleTid: [62, 4],
  sampleCpu: [63, 4],
  sampleStack: [64, 4],
  sampleValue: [65, 8],
  sampleComm: [66, 4], // string
  sampleCgroup: [67, 8], // absent where unknown

  losses: [70, 8], // one u64 per LOSS_REASONS entry
  leftOut: [75, 8], // one u64 per LEFT_OUT_REASONS entry; absent: none
  noticeKind: [71, 1], // NOTICE_KINDS
  noticeTime: [72, 8],
  noticeCpu: [73, 4],
  noticeCount: [74, 8],
} as const satisfies Record<string, readonly [number, 1 | 4 | 8]>

export type SectionName = keyof typeof SECTIONS
