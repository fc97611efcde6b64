// A failed system call of the sampler, in words that say what to do.

import { AgentError, messageOf } from '../core/errors.ts'
import type { NativeError } from '../native/binding.ts'

export const isNativeError = (thrown: unknown): thrown is NativeError =>
  thrown instanceof Error && 'syscall' in thrown && 'errno' in thrown

/** What stands in the way, by errno name. */
const ADVICE: Readonly<Record<string, readonly [code: string, advice: string]>> = {
  EACCES: ['SAMPLER.PERMISSION_DENIED', 'It belongs to another user: run as root, or grant CAP_PERFMON.'],
  EPERM: [
    'SAMPLER.PERMISSION_DENIED',
    'The kernel refused it. Other users’ processes need CAP_PERFMON; more memory for rings needs CAP_IPC_LOCK, ' +
      'a higher kernel.perf_event_mlock_kb, or a smaller ring.',
  ],
  EMFILE: [
    'SAMPLER.TOO_MANY_FILES',
    'Each thread needs a descriptor per CPU and event: raise the limit (ulimit -n), or sample with -a.',
  ],
  ENFILE: ['SAMPLER.TOO_MANY_FILES', 'The machine has no file descriptors left (fs.file-max).'],
  ESRCH: ['SAMPLER.NO_SUCH_PROCESS', 'It has ended, or never was. Check the number with ps.'],
  ENOENT: ['SAMPLER.UNSUPPORTED', 'This kernel does not have the event.'],
  EOPNOTSUPP: ['SAMPLER.UNSUPPORTED', 'This machine cannot sample the event.'],
  ENOSYS: ['SAMPLER.UNSUPPORTED', 'perf_event_open is missing or forbidden (seccomp) here.'],
  EBUSY: ['SAMPLER.BUSY', 'Another profiler holds the counter.'],
  EOVERFLOW: ['SAMPLER.STACK_TOO_DEEP', 'Stacks are deeper than kernel.perf_event_max_stack.'],
  ENOMEM: ['SAMPLER.OUT_OF_MEMORY', 'The kernel had no memory for the rings.'],
}

/** Turns what the addon threw into an AgentError; anything else stays what it is. */
export function explained(thrown: unknown): unknown {
  if (!isNativeError(thrown)) return thrown
  const [code, advice] = ADVICE[thrown.code] ?? ['SAMPLER.FAILED', '']
  const failure = `${thrown.syscall}: ${thrown.code}`
  return new AgentError(code, advice === '' ? messageOf(thrown) : `${failure}. ${advice}`, { cause: thrown })
}

/** Runs `work`, and explains what the addon throws. */
export function explaining<Value>(work: () => Value): Value {
  try {
    return work()
  } catch (error) {
    throw explained(error)
  }
}
