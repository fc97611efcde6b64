// Which of the back-ends samples, and with how much of the stack.

import type { BackEnd } from '../core/back-end.ts'
import { type CallGraph, type CallGraphRequest, DEFAULT_STACK_BYTES } from '../core/call-graph.ts'

/**
 * Perf copies always as much as was asked for, BPF what is used of it: 16 KiB hold all but 0.1 % of the stacks of Go and
 * Node.js, and cut 10 to 50 % of those of compilers and deep recursion.
 */
const STACK_BYTES: Readonly<Record<BackEnd, number>> = { bpf: 16_384, perf: DEFAULT_STACK_BYTES }

export const callGraphFor = (asked: CallGraphRequest, backEnd: BackEnd): CallGraph =>
  asked.method === 'fp' ? asked : { method: 'dwarf', stackBytes: asked.stackBytes ?? STACK_BYTES[backEnd] }

/** Entry points of the BPF object (SONDE_MAX_SESSIONS). */
const MOST_BPF_EVENTS = 8

/** A program sees the kernel's own numbers, the records of processes and /proc those of the agent's namespace. */
const OTHER_NUMBERS =
  'this process is in a pid namespace of its own, where processes have other numbers than BPF programs see (Kubernetes: hostPID: true; Docker: --pid=host)'

export interface BackEndFacts {
  /** CAP_BPF, or CAP_SYS_ADMIN. */
  readonly mayLoadBpf: boolean
  readonly perfmon: boolean
  /** Whether processes have the numbers here that the kernel itself gives them. */
  readonly inFirstPidNamespace: boolean
  /** Whether /sys/kernel/btf/vmlinux is there. */
  readonly hasBtf: boolean
  readonly events: number
  /** Why one of the events can have no program, in a clause; absent: each can. */
  readonly refused?: string | undefined
}

export interface BackEndChoice {
  readonly backEnd: BackEnd
  /** In a clause: `it needs CAP_BPF`. */
  readonly why: string
}

/** What `auto` tries first. Whether the kernel takes the program shows when it is loaded. */
export function chooseBackEnd(facts: BackEndFacts): BackEndChoice {
  const { mayLoadBpf, perfmon, hasBtf, events, inFirstPidNamespace, refused } = facts
  if (refused !== undefined) return { backEnd: 'perf', why: refused }
  if (!mayLoadBpf) return { backEnd: 'perf', why: 'BPF programs need CAP_BPF' }
  if (!perfmon) return { backEnd: 'perf', why: 'BPF programs that sample need CAP_PERFMON' }
  if (!hasBtf) return { backEnd: 'perf', why: 'this kernel has no BTF (/sys/kernel/btf/vmlinux)' }
  if (!inFirstPidNamespace) return { backEnd: 'perf', why: OTHER_NUMBERS }
  if (events > MOST_BPF_EVENTS) {
    return { backEnd: 'perf', why: `the BPF sampler takes at most ${MOST_BPF_EVENTS} events` }
  }
  return { backEnd: 'bpf', why: 'it chooses in the kernel, and copies only what a stack uses' }
}
