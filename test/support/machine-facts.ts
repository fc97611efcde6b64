// Machines for doctor: a healthy one, and what is different on others.

import type { NativeBpfProbe } from '../../src/native/binding.ts'
import { CAPABILITY_PURPOSES, type CapabilityName } from '../../src/sampler/capabilities.ts'
import type { FactFile, FileText, MachineFacts } from '../../src/sampler/diagnosis/facts.ts'

export interface MachineChanges {
  readonly release?: string
  readonly uid?: number
  readonly pmus?: readonly string[]
  readonly cpus?: number
  /** '': version 2; null: nothing is mounted. */
  readonly controller?: string | null
  /** Of /proc/self/status; a string is the CapEff mask in hexadecimal. */
  readonly held?: readonly CapabilityName[] | string
  readonly seccomp?: number
  readonly files?: Partial<Record<FactFile, FileText>>
  /** errno name by what is refused; the rest works. */
  readonly refused?: Readonly<Record<string, string>>
  readonly native?: MachineFacts['native']
}

const ALL = CAPABILITY_PURPOSES.map(({ name }) => name)

/** A machine on which everything works, but for the changes. */
export function machine(changes: MachineChanges = {}): MachineFacts {
  const { release = '6.1.0-18-amd64', uid = 65532, pmus = ['cpu'], cpus = 2 } = changes
  const { held = ALL, seccomp = 0, files = {}, refused = {}, controller = '' } = changes
  return {
    ...{ release, architecture: 'x86_64', uid, cpus, pmus },
    pidNamespace: 'pid:[4026531836]',
    hierarchy: controller === null ? undefined : { controller, mount: '/sys/fs/cgroup', root: '/' },
    files: { ...HEALTHY, status: { text: statusText(held, seccomp) }, ...files },
    native: changes.native ?? { probes: PROBES.map((probe) => answered(probe, refused[probe.name])) },
  }
}

export const text = (content: string): FileText => ({ text: content })
export const unreadable = (error: string): FileText => ({ error })

const HEALTHY: MachineFacts['files'] = {
  status: text(''),
  limits: text('Max locked memory         8388608              8388608              bytes     \n'),
  mounts: text(
    '30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n' +
      '31 23 0:7 / /sys/kernel/security rw,nosuid - securityfs securityfs rw\n',
  ),
  paranoid: text('2\n'),
  perfMemoryLock: text('516\n'),
  kptrRestrict: text('1\n'),
  unprivilegedBpf: text('2\n'),
  kallsyms: text('0000000000000000 A fixed_percpu_data\nffffffff81000000 T _text\n'),
  lockdown: text('[none] integrity confidentiality\n'),
  types: text('\u009f\u00eb'),
  tracepoint: text('314\n'),
}

/** As /proc/PID/status writes it; nothing is in the bounding set that is not held. */
function statusText(held: readonly CapabilityName[] | string, seccomp: number): string {
  const mask = typeof held === 'string' ? BigInt(`0x${held}`) : maskOf(held)
  const digits = mask.toString(16).padStart(16, '0')
  return `Name:\tnode\nCapPrm:\t${digits}\nCapEff:\t${digits}\nCapBnd:\t${digits}\nSeccomp:\t${seccomp}\nSeccomp_filters:\t0\n`
}

const maskOf = (held: readonly CapabilityName[]): bigint =>
  CAPABILITY_PURPOSES.filter(({ name }) => held.includes(name)).reduce(
    (mask, { bit }) => mask | (1n << BigInt(bit)),
    0n,
  )

const PROBES: readonly Pick<NativeBpfProbe, 'kind' | 'name' | 'need'>[] = [
  { kind: 'call', name: 'perf_event_open', need: 'sampling' },
  { kind: 'call', name: 'bpf', need: 'bpf' },
  { kind: 'event', name: 'own_user', need: 'sampling' },
  { kind: 'event', name: 'machine', need: 'bpf' },
  { kind: 'event', name: 'cycles', need: 'optional' },
  { kind: 'map', name: 'ringbuf', need: 'bpf' },
  { kind: 'map', name: 'task_storage', need: 'optional' },
  { kind: 'program', name: 'sonde_sampler', need: 'bpf' },
  { kind: 'program', name: 'perf_event', need: 'bpf' },
  { kind: 'program', name: 'tp_btf', need: 'optional' },
  { kind: 'program', name: 'fentry', need: 'optional' },
  { kind: 'program', name: 'kprobe', need: 'optional' },
  { kind: 'helper', name: 'bpf_get_stack', need: 'bpf' },
  { kind: 'helper', name: 'bpf_probe_read_kernel', need: 'bpf' },
  { kind: 'helper', name: 'bpf_task_pt_regs', need: 'optional' },
]

const STEPS = { call: 'call', event: 'open', map: 'create', program: 'load', helper: 'load' } as const

/** `EPERM`, or `ENOENT at attach`. */
function answered(
  probe: Pick<NativeBpfProbe, 'kind' | 'name' | 'need'>,
  refusal: string | undefined,
): NativeBpfProbe {
  const [error = '', step = STEPS[probe.kind]] = refusal?.split(' at ') ?? []
  return { ...probe, serves: 'this test', error, step: error === '' ? '' : step, log: '' }
}
