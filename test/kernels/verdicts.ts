// What is expected of a guest, by what this sonde can do; and what its results say of that.

import type { SamplerChoice } from '../../src/core/back-end.ts'
import { launcher, run } from '../support/sonde.ts'
import { type Check, checked, demand } from './check.ts'
import { GUEST_CPUS } from './machine.ts'
import { judgeNames, judgeRecording } from './recordings.ts'
import { factOf, stepEnd, succeeded, textOf } from './results.ts'

export const HERTZ = 49
export const SECONDS = 4
export const SAMPLERS: readonly SamplerChoice[] = ['perf', 'bpf', 'auto']
/** The recording whose functions the guest names: naming takes an emulated machine half a minute. */
const NAMED: SamplerChoice = 'bpf'

/** What this checkout's sonde has. */
export interface Abilities {
  readonly doctor: boolean
  /** What report adds up by. */
  readonly groupings: readonly string[]
}

export function abilitiesOfSonde(): Abilities {
  const help = (...args: readonly string[]): string => run(launcher, [...args, '--help']).stdout
  return {
    doctor: /^ *doctor\b/m.test(help()),
    groupings: /--by ([\w|]+)/.exec(help('report'))?.[1]?.split('|') ?? [],
  }
}

/** The steps of guest.sh that try all of it. */
export const stepsFor = ({ doctor }: Abilities): readonly string[] => [
  ...(doctor ? ['doctor'] : []),
  ...SAMPLERS.map((sampler) => `record-${sampler}`),
  `names-${NAMED}`,
]

export interface Verdict {
  readonly checks: readonly Check[]
  /** Bytes of the kernel's type information; 0 where it has none. */
  readonly btfBytes: number
  /** What doctor says would sample. */
  readonly backEnd: string
}

/** Judges everything that the guest left. */
export function judgeGuest(out: string, { doctor, groupings }: Abilities): Verdict {
  const diagnosis = doctor ? readDiagnosis(out) : undefined
  const expected = { hertz: HERTZ, cpus: GUEST_CPUS, groupings }
  return {
    btfBytes: Number(factOf(out, 'btf')),
    backEnd: diagnosis?.backEnd ?? '',
    checks: [
      ...(diagnosis?.checks ?? []),
      ...judgeObjects(out),
      ...SAMPLERS.flatMap((sampler) => judgeRecording(out, sampler, expected)),
      chosenBackEnd(out),
      judgeNames(out, NAMED),
    ],
  }
}

/** One check for each object of each compiler. */
const judgeObjects = (out: string): Check[] =>
  [...(textOf(out, 'objects.stdout') ?? '').matchAll(/^(\S+) (\d+) (\S+)$/gm)].map(
    ([, name = '', code, seconds]) =>
      checked(`${name} loads`, () => {
        demand(code === '0', `exit ${code} after ${seconds} s: see objects.stderr`)
        return `${seconds} s`
      }),
  )

/** Every kernel of the catalogue has what the BPF back-end needs, so that auto has to take it. */
const chosenBackEnd = (out: string): Check =>
  checked('auto: takes BPF', () => {
    const fallback = /Sampling by perf.*/.exec(succeeded(out, 'record-auto').stderr)
    demand(fallback === null, fallback?.[0] ?? '')
  })

interface Diagnosed {
  readonly checks: readonly Check[]
  readonly backEnd: string
}

/** The parts of doctor's JSON that are judged (docs/doctor.md). */
interface DoctorReport {
  readonly backEnd: string | null
  readonly probes: readonly {
    readonly kind: string
    readonly name: string
    readonly need: 'sampling' | 'bpf' | 'optional'
    readonly error: string
    readonly step: string
  }[]
}

/** What it loaded and attached, and whether it would take BPF. It ends with 1 where anything is degraded. */
function readDiagnosis(out: string): Diagnosed {
  let report: DoctorReport | undefined
  const ends = checked('doctor: takes BPF', () => {
    const end = stepEnd(out, 'doctor')
    const { stdout } = end?.code === 1 ? end : succeeded(out, 'doctor')
    report = JSON.parse(stdout) as DoctorReport
    demand(report.backEnd === 'bpf', `it would take ${report.backEnd}`)
  })
  const programs = report?.probes.filter(({ kind }) => kind === 'program') ?? []
  return { checks: [ends, ...programs.map(programCheck)], backEnd: report?.backEnd ?? '' }
}

function programCheck({ name, need, error, step }: DoctorReport['probes'][number]): Check {
  const subject = `doctor: program ${name}`
  if (error === '') return { subject, outcome: 'ok', detail: '' }
  const detail = `${step}: ${error}`
  return { subject, outcome: need === 'optional' ? 'skipped' : 'failed', detail }
}
