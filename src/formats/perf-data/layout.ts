// The numbers of perf.data, by the kernel's and perf's names (include/uapi/linux/perf_event.h, tools/perf/util/header.h).
// What Sonde writes is little-endian; what it reads may be of either order.

/** "PERFILE2" */
export const MAGIC = 0x32454c4946524550n
export const MAGIC_OTHER_ENDIAN = 0x50455246494c4532n
/** "PERFFILE": version 1, which nothing writes any more. */
export const MAGIC_V1 = 0x454c494646524550n

export const FILE_HEADER_BYTES = 104
/** Without the feature bitmap, which the oldest files lack. */
export const BARE_FILE_HEADER_BYTES = 72
export const PIPE_HEADER_BYTES = 16
/** PERF_ATTR_SIZE_VER5: all that is said of events. perf reads no file whose attrs are larger than its own: those of 5.10 have 120 bytes. */
export const ATTR_BYTES = 112
/** An entry of the attrs section: the attr, and where its ids are. */
export const ATTR_ENTRY_BYTES = ATTR_BYTES + 16
export const RECORD_HEADER_BYTES = 8
export const MAX_RECORD_BYTES = 0xffff

/** PERF_RECORD_*, all that the kernel's and perf's headers name. */
export const RECORD = {
  MMAP: 1,
  LOST: 2,
  COMM: 3,
  EXIT: 4,
  THROTTLE: 5,
  UNTHROTTLE: 6,
  FORK: 7,
  READ: 8,
  SAMPLE: 9,
  MMAP2: 10,
  AUX: 11,
  ITRACE_START: 12,
  LOST_SAMPLES: 13,
  SWITCH: 14,
  SWITCH_CPU_WIDE: 15,
  NAMESPACES: 16,
  KSYMBOL: 17,
  BPF_EVENT: 18,
  CGROUP: 19,
  TEXT_POKE: 20,
  AUX_OUTPUT_HW_ID: 21,
  CALLCHAIN_DEFERRED: 22,
  HEADER_ATTR: 64,
  HEADER_EVENT_TYPE: 65,
  HEADER_TRACING_DATA: 66,
  HEADER_BUILD_ID: 67,
  FINISHED_ROUND: 68,
  ID_INDEX: 69,
  AUXTRACE_INFO: 70,
  AUXTRACE: 71,
  AUXTRACE_ERROR: 72,
  THREAD_MAP: 73,
  CPU_MAP: 74,
  STAT_CONFIG: 75,
  STAT: 76,
  STAT_ROUND: 77,
  EVENT_UPDATE: 78,
  TIME_CONV: 79,
  HEADER_FEATURE: 80,
  COMPRESSED: 81,
  FINISHED_INIT: 82,
  COMPRESSED2: 83,
  BPF_METADATA: 84,
  SCHEDSTAT_CPU: 85,
  SCHEDSTAT_DOMAIN: 86,
} as const

const RECORD_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(RECORD).map(([name, type]) => [type, name] as const),
)

/** By perf's name; undefined for what no header names. */
export const recordName = (type: number): string | undefined => RECORD_NAMES.get(type)

/** From here on records are the tool's, and carry no sample_id. */
export const FIRST_TOOL_RECORD = 64

/** PERF_RECORD_MISC_* */
export const MISC = {
  CPUMODE_MASK: 7,
  KERNEL: 1,
  USER: 2,
  HYPERVISOR: 3,
  GUEST_KERNEL: 4,
  GUEST_USER: 5,
  COMM_EXEC: 1 << 13,
  /** The tool's own, of what was so when it began. */
  FORK_EXEC: 1 << 13,
  LOST_SAMPLES_BPF: 1 << 15,
  MMAP_DATA: 1 << 13,
  MMAP_BUILD_ID: 1 << 14,
  /** Of an entry of the build id table. */
  BUILD_ID_SIZE: 1 << 15,
} as const

/** PERF_RECORD_KSYMBOL_FLAGS_* */
export const KSYMBOL_FLAGS = { UNREGISTER: 1 } as const

/** PERF_SAMPLE_* */
export const SAMPLE_TYPE = {
  IP: 1n << 0n,
  TID: 1n << 1n,
  TIME: 1n << 2n,
  ADDR: 1n << 3n,
  READ: 1n << 4n,
  CALLCHAIN: 1n << 5n,
  ID: 1n << 6n,
  CPU: 1n << 7n,
  PERIOD: 1n << 8n,
  STREAM_ID: 1n << 9n,
  RAW: 1n << 10n,
  BRANCH_STACK: 1n << 11n,
  REGS_USER: 1n << 12n,
  STACK_USER: 1n << 13n,
  WEIGHT: 1n << 14n,
  DATA_SRC: 1n << 15n,
  IDENTIFIER: 1n << 16n,
  TRANSACTION: 1n << 17n,
  REGS_INTR: 1n << 18n,
  PHYS_ADDR: 1n << 19n,
  AUX: 1n << 20n,
  CGROUP: 1n << 21n,
  DATA_PAGE_SIZE: 1n << 22n,
  CODE_PAGE_SIZE: 1n << 23n,
  WEIGHT_STRUCT: 1n << 24n,
} as const

/** What Sonde writes; besides CGROUP, where the session tells cgroups. */
export const SONDE_SAMPLE_TYPE =
  SAMPLE_TYPE.IP |
  SAMPLE_TYPE.TID |
  SAMPLE_TYPE.TIME |
  SAMPLE_TYPE.CALLCHAIN |
  SAMPLE_TYPE.CPU |
  SAMPLE_TYPE.PERIOD |
  SAMPLE_TYPE.IDENTIFIER

/** PERF_FORMAT_* */
export const READ_FORMAT = {
  TOTAL_TIME_ENABLED: 1n,
  TOTAL_TIME_RUNNING: 2n,
  ID: 4n,
  GROUP: 8n,
  LOST: 16n,
} as const

/** PERF_SAMPLE_BRANCH_*: what branch stacks have besides their entries. */
export const BRANCH_SAMPLE = { HW_INDEX: 1n << 17n, COUNTERS: 1n << 19n } as const

/** PERF_SAMPLE_REGS_ABI_* */
export const REGS_ABI = { NONE: 0n, BITS_32: 1n, BITS_64: 2n } as const

/** Bits of the flags of perf_event_attr. */
export const ATTR_FLAG = {
  disabled: 1n << 0n,
  inherit: 1n << 1n,
  pinned: 1n << 2n,
  exclusive: 1n << 3n,
  exclude_user: 1n << 4n,
  exclude_kernel: 1n << 5n,
  exclude_hv: 1n << 6n,
  exclude_idle: 1n << 7n,
  mmap: 1n << 8n,
  comm: 1n << 9n,
  freq: 1n << 10n,
  task: 1n << 13n,
  sample_id_all: 1n << 18n,
  exclude_host: 1n << 19n,
  exclude_guest: 1n << 20n,
  exclude_callchain_kernel: 1n << 21n,
  exclude_callchain_user: 1n << 22n,
  mmap2: 1n << 23n,
  comm_exec: 1n << 24n,
  use_clockid: 1n << 25n,
  ksymbol: 1n << 29n,
  cgroup: 1n << 32n,
  build_id: 1n << 34n,
} as const

/** Where precise_ip's two bits stand among the flags. */
export const PRECISE_IP_SHIFT = 15n

export const CLOCK_MONOTONIC = 1

/** PERF_CONTEXT_*: values of a call chain that are not addresses but say whose the following ones are. */
export const CONTEXT = {
  KERNEL: BigInt.asUintN(64, -128n),
  USER: BigInt.asUintN(64, -512n),
  GUEST: BigInt.asUintN(64, -2048n),
  /** The next word is the cookie of the CALLCHAIN_DEFERRED record that brings the user's part. */
  USER_DEFERRED: BigInt.asUintN(64, -640n),
  /** Everything from here on is a marker. */
  FIRST: BigInt.asUintN(64, -4095n),
} as const

/** Bytes of the sample_id behind every record that is no sample: pid, tid, time, cpu, 0, id. */
export const SAMPLE_ID_BYTES = 32
export const BUILD_ID_BYTES = 20
/** Longest path the kernel reports, NUL included. */
export const MAX_PATH_BYTES = 4096
/** Length of a thread's name, NUL included. */
export const MAX_COMM_BYTES = 16

/** Longest name of a kernel symbol, NUL included (KSYM_NAME_LEN). */
export const MAX_KSYMBOL_BYTES = 512

export const aligned8 = (bytes: number): number => Math.ceil(bytes / 8) * 8
