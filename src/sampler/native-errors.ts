// A failed system call of the sampler, in words that say what to do.

import { AgentError } from '../core/errors.ts'
import type { NativeError, NativeTarget } from '../native/binding.ts'

export const isNativeError = (thrown: unknown): thrown is NativeError =>
  thrown instanceof Error && 'syscall' in thrown && 'errno' in thrown

/** What stands in the way and what to do, by errno name. */
const ADVICE: Readonly<Record<string, readonly [code: string, advice: string]>> = {
  EACCES: ['SAMPLER.PERMISSION_DENIED', 'it belongs to another user. Run as root, or grant CAP_PERFMON.'],
  EPERM: [
    'SAMPLER.PERMISSION_DENIED',
    "the kernel refused it. Other users' processes need CAP_PERFMON. A seccomp filter or a security module may refuse it, too: " +
      'sonde doctor tells which it is.',
  ],
  EMFILE: [
    'SAMPLER.TOO_MANY_FILES',
    'too many open files. Each thread needs one per CPU and event: raise the limit (ulimit -n), or sample with -a.',
  ],
  ENFILE: ['SAMPLER.TOO_MANY_FILES', 'the machine has no file descriptors left (fs.file-max).'],
  ESRCH: ['SAMPLER.NO_SUCH_PROCESS', 'it has ended, or never was. Check the number with ps.'],
  ENOENT: ['SAMPLER.UNSUPPORTED', 'this kernel does not have the event.'],
  EOPNOTSUPP: ['SAMPLER.UNSUPPORTED', 'this machine cannot sample the event.'],
  ENOSYS: [
    'SAMPLER.UNSUPPORTED',
    'the kernel was built without perf_event_open, or a seccomp filter refuses it: sonde doctor tells which.',
  ],
  EBUSY: ['SAMPLER.BUSY', 'another profiler holds the counter.'],
  EOVERFLOW: ['SAMPLER.STACK_TOO_DEEP', 'stacks are deeper than kernel.perf_event_max_stack.'],
  ENOMEM: ['SAMPLER.OUT_OF_MEMORY', 'the kernel had no memory for the rings.'],
}

/** Whether it was refused only because the rings were larger than what may be locked (native/core/perf/ring_buffer.cc). */
export const isMemoryLockRefused = (thrown: unknown): boolean =>
  isNativeError(thrown) && thrown.code === 'EPERM' && thrown.syscall.includes('more locked memory than')

/** What is said where a BPF program, or a map of it, was refused, whatever the errno. */
const BPF_ADVICE = [
  'SAMPLER.BPF_REFUSED',
  'the kernel refused the BPF sampler. sonde doctor tells why; --sampler perf does without.',
] as const

const LOCK_ADVICE = [
  'SAMPLER.PERMISSION_DENIED',
  "all of this user's rings together, those of other samplers among them, are more memory than may be locked. Grant CAP_IPC_LOCK, " +
    'raise RLIMIT_MEMLOCK (ulimit -l) or kernel.perf_event_mlock_kb, ask for smaller rings, or sample fewer things side by side.',
] as const

/** Turns what the addon threw into an AgentError; anything else stays what it is. */
export function explained(thrown: unknown, tried: string): unknown {
  if (!isNativeError(thrown)) return thrown
  const [code, advice] = adviceFor(thrown)
  return new AgentError(code, `Cannot ${tried}: ${advice}\n(${thrown.syscall}: ${thrown.code})`, {
    cause: thrown,
  })
}

function adviceFor(error: NativeError): readonly [code: string, advice: string] {
  if (isMemoryLockRefused(error)) return LOCK_ADVICE
  if (/\bBPF|bpf\(/.test(error.syscall)) return BPF_ADVICE
  if (error.syscall.includes('IOC_SET_FILTER')) return FILTER_ADVICE
  return eventAdviceFor(error) ?? ADVICE[error.code] ?? ['SAMPLER.FAILED', 'the kernel refused it.']
}

const FILTER_ADVICE = [
  'EVENT.FILTER',
  "the kernel does not take the filter. Its fields are those of the tracepoint's format in tracefs; texts stand in double quotes, ~ compares with a glob.",
] as const

/** Where the event itself says what the kernel's bare errno means. */
function eventAdviceFor({ code, syscall }: NativeError): readonly [code: string, advice: string] | undefined {
  const [, event = ''] = /^perf_event_open\((.*), pid /.exec(syscall) ?? []
  if (event.startsWith('mem:')) {
    if (code === 'ENOSPC')
      return ['SAMPLER.BUSY', "all of the processor's breakpoints are taken; x86 has four."]
    if (code === 'EINVAL') {
      return [
        'SAMPLER.UNSUPPORTED',
        'the processor has no such breakpoint: x86 has none for reading alone (:r), and the address has to be a multiple of the length.',
      ]
    }
  }
  if (!event.includes('/') || !['EINVAL', 'EOPNOTSUPP', 'ENOENT'].includes(code)) return undefined
  return [
    'SAMPLER.UNSUPPORTED',
    'its PMU can only be counted (perf stat), or does not take these terms. sonde list pmu shows what can be sampled.',
  ]
}

/** Runs `work`, and explains what the addon throws. `tried`: `sample process 12`. */
export function explaining<Value>(tried: string, work: () => Value): Value {
  try {
    return work()
  } catch (error) {
    throw explained(error, tried)
  }
}

/** Whom a target is about, in words. */
export function targetText(target: NativeTarget): string {
  switch (target.kind) {
    case 'cpus':
      return 'the whole machine'
    case 'processes':
      return numbered('process', 'processes', target.pids)
    case 'threads':
      return numbered('thread', 'threads', target.tids)
    case 'command':
      return 'the command'
  }
}

const numbered = (one: string, many: string, numbers: readonly number[]): string =>
  `${numbers.length === 1 ? one : many} ${numbers.join(', ')}`
