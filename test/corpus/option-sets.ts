// What perf is asked to record, one row for each way to ask.

/** What is profiled: a command of perf's, all CPUs, or processes that run already. */
export type Subject = 'command' | 'machine' | 'process' | 'thread'

export interface OptionSet {
  readonly name: string
  readonly options: readonly string[]
  readonly subject?: Subject
  /**
   * Of the stacks, what perf script and Sonde find by the same rules (default all). With -d perf knows maps that hold no code,
   * and shows what was taken for a caller as part of them.
   */
  readonly stacks?: 'all' | 'kernel' | 'none'
  /** `perf record` writes to a pipe; what came out of it is the file. */
  readonly pipe?: true
  /** `perf record` writes several files, or a directory. */
  readonly writes?: 'several' | 'directory'
  /** Words of `perf inject`, which then reads the file and writes the one that is judged. */
  readonly inject?: readonly string[]
}

const CLOCK = ['-e', 'cpu-clock'] as const
const TICKS = [...CLOCK, '-F', '997'] as const
const CHAINS = [...TICKS, '-g'] as const

export const OPTION_SETS: readonly OptionSet[] = [
  { name: 'frequency', options: TICKS },
  { name: 'count', options: [...CLOCK, '-c', '1000000'] },
  { name: 'chains', options: CHAINS },
  { name: 'chains of all CPUs', options: CHAINS, subject: 'machine' },
  { name: 'chains of a process', options: CHAINS, subject: 'process' },
  { name: 'chains of a thread', options: CHAINS, subject: 'thread' },
  { name: 'copies of stacks', options: [...TICKS, '--call-graph', 'dwarf,4096'], stacks: 'kernel' },
  { name: 'several events', options: [...TICKS, '-e', 'page-faults', '-e', 'context-switches', '-g'] },
  { name: 'two clocks', options: ['-e', 'cpu-clock', '-e', 'task-clock', '-F', '499', '-g'] },
  {
    name: 'events of different words',
    options: ['-e', 'cpu-clock/freq=997,call-graph=fp/', '-e', 'page-faults/period=1/'],
  },
  { name: 'a group', options: ['-e', '{cpu-clock,page-faults,context-switches}:S', '-F', '499'] },
  { name: 'tracepoints', options: ['-e', 'sched:sched_switch', '-e', 'sched:sched_process_exec', '-g'] },
  { name: 'a tracepoint and a clock', options: [...TICKS, '-e', 'sched:sched_wakeup'], subject: 'machine' },
  { name: 'syscalls, raw', options: ['-e', 'raw_syscalls:sys_enter', '-R', '-c', '20'] },
  { name: 'no inheritance', options: [...CHAINS, '--no-inherit'] },
  { name: 'times', options: [...TICKS, '-T'] },
  { name: 'periods', options: [...CLOCK, '-P', '-c', '700000'] },
  {
    name: 'data addresses',
    options: ['-e', 'page-faults', '-c', '1', '-d', '--phys-data', '-g'],
    stacks: 'kernel',
  },
  {
    name: 'page sizes',
    options: [...CHAINS, '-d', '--data-page-size', '--code-page-size'],
    stacks: 'kernel',
  },
  { name: 'weights', options: [...CHAINS, '-W'] },
  { name: 'CPUs', options: [...CHAINS, '--sample-cpu'] },
  { name: 'cgroups', options: [...CHAINS, '--all-cgroups'], subject: 'machine' },
  { name: 'namespaces', options: [...CHAINS, '--namespaces'] },
  { name: 'registers', options: [...CHAINS, '--intr-regs=AX,IP,SP', '--user-regs=IP,SP,BP'] },
  { name: 'identifiers', options: [...TICKS, '--sample-identifier'] },
  { name: 'per thread', options: [...CHAINS, '--per-thread'] },
  { name: 'user only', options: ['-e', 'cpu-clock:u', '-F', '997', '-g'] },
  { name: 'kernel only', options: ['-e', 'cpu-clock:k', '-F', '997', '-g'] },
  { name: 'user chains', options: [...CHAINS, '--user-callchains'] },
  { name: 'kernel chains', options: [...CHAINS, '--kernel-callchains'] },
  { name: 'zstd 1', options: [...CHAINS, '-z'], subject: 'machine' },
  { name: 'zstd 22', options: [...CHAINS, '-z22'] },
  { name: 'zstd of copies', options: [...TICKS, '--call-graph', 'dwarf', '-z3'], stacks: 'kernel' },
  {
    name: 'several files',
    options: [...CHAINS, '--switch-output=1s'],
    subject: 'machine',
    writes: 'several',
  },
  { name: 'overwrite', options: [...CHAINS, '--overwrite', '--tail-synthesize'], subject: 'machine' },
  { name: 'no build ids', options: [...CHAINS, '--no-buildid'] },
  { name: 'all build ids', options: [...CHAINS, '--buildid-all'] },
  { name: 'build ids of maps', options: [...CHAINS, '--buildid-mmap'] },
  { name: 'bounds of time', options: [...CHAINS, '--timestamp-boundary'] },
  { name: 'monotonic clock', options: [...CHAINS, '-k', 'mono'] },
  { name: 'raw clock', options: [...CHAINS, '-k', 'monotonic_raw'] },
  { name: 'boot clock', options: [...CHAINS, '-k', 'boottime'] },
  { name: 'small rings', options: [...CHAINS, '-m', '1'], subject: 'machine' },
  { name: 'large rings', options: [...CHAINS, '-m', '512'] },
  {
    name: 'lost samples',
    options: ['-e', 'raw_syscalls:sys_enter', '-c', '1', '-g', '-m', '1'],
    subject: 'machine',
  },
  { name: 'nothing synthesised', options: [...CHAINS, '--synth=no'] },
  { name: 'tasks synthesised', options: [...CHAINS, '--synth=task'], subject: 'machine' },
  { name: 'maps synthesised', options: [...CHAINS, '--synth=mmap'], subject: 'machine' },
  { name: 'switches', options: [...CHAINS, '--switch-events'], subject: 'machine' },
  { name: 'statistics of threads', options: [...TICKS, '-s'] },
  { name: 'late start', options: [...CHAINS, '-D', '50'] },
  { name: 'a pipe', options: CHAINS, pipe: true },
  {
    name: 'a pipe of several events',
    options: [...CHAINS, '-e', 'page-faults'],
    pipe: true,
    subject: 'machine',
  },
  { name: 'a pipe of tracepoints', options: ['-e', 'sched:sched_switch', '-R'], pipe: true },
  { name: 'a pipe, compressed', options: [...CHAINS, '-z'], pipe: true },
  { name: 'injected build ids', options: CHAINS, inject: ['-b'] },
  { name: 'injected from a pipe', options: CHAINS, pipe: true, inject: ['-b'] },
  { name: 'copy of the kernel', options: [...CHAINS, '--kcore'], writes: 'directory' },
  { name: 'several writers', options: [...CHAINS, '--threads'], subject: 'machine', writes: 'directory' },
]
