// Events of a PMU: `pmu/term=value,…/`, by what sysfs says of the PMU's terms and of the events it has names for.

import { didYouMean } from '../../base/near.ts'
import { AgentError } from '../../core/errors.ts'
import { type EventPlaces, namesIn, textIn } from './places.ts'
import { numberIn, type Term, termsOf } from './terms.ts'

const WORDS = ['config', 'config1', 'config2'] as const
export type ConfigWord = (typeof WORDS)[number]
export type Config = Readonly<Record<ConfigWord, bigint>>

/** Where a term's bits stand, the lowest first. */
export interface TermFormat {
  readonly word: string
  readonly bits: readonly number[]
}

export interface Pmu {
  readonly name: string
  readonly type: number
  /** CPUs that its events are to be opened on; undefined: any. */
  readonly cpus: readonly number[] | undefined
  /** Counts for a whole package or machine, on the CPUs of `cpumask`: it can be counted, not sampled. */
  readonly isUncore: boolean
}

export function findPmu(name: string, { devices }: EventPlaces): Pmu | undefined {
  const type = numberIn(textIn(devices, name, 'type') ?? '')
  if (type === undefined) return undefined
  const cpumask = textIn(devices, name, 'cpumask')
  const cpus = textIn(devices, name, 'cpus')
  const list = cpumask ?? cpus
  return {
    name,
    type: Number(type),
    cpus: list === undefined ? undefined : cpusOf(list),
    isUncore: cpumask !== undefined,
  }
}

/** `0-3,8` */
const cpusOf = (text: string): readonly number[] =>
  text.split(',').flatMap((range) => {
    const [first = 0, last = first] = range.split('-').map(Number)
    return Number.isInteger(last) ? Array.from({ length: last - first + 1 }, (_, index) => first + index) : []
  })

/** `config1:0-7,32-35`; undefined where that is not what it says. */
export function formatOf(text: string): TermFormat | undefined {
  const parts = /^(\w+):(\d+(?:-\d+)?(?:,\d+(?:-\d+)?)*)$/.exec(text)
  if (parts === null) return undefined
  return { word: parts[1] ?? '', bits: [...cpusOf(parts[2] ?? '')].sort((a, b) => a - b) }
}

/**
 * The words of perf_event_attr that the terms come to.
 * @throws AgentError `EVENT.UNKNOWN`, `EVENT.NOT_HERE`, `EVENT.REFUSED`
 */
export function configOf(pmu: Pmu, terms: readonly Term[], context: PmuContext): Config {
  const config: Record<ConfigWord, bigint> = { config: 0n, config1: 0n, config2: 0n }
  for (const term of withAliases(pmu, terms, context)) setTerm(config, term, { ...context, pmu })
  return config
}

export interface PmuContext {
  readonly places: EventPlaces
  /** The event as it was written. */
  readonly text: string
}

/** A name of an event stands for the terms that its file holds; `?` there is asked of whoever writes the event. */
function withAliases(pmu: Pmu, terms: readonly Term[], { places, text }: PmuContext): readonly Term[] {
  const used = new Set<Term>()
  const expanded = terms.flatMap((term) => {
    const content =
      term.value === undefined ? textIn(places.devices, pmu.name, 'events', term.name) : undefined
    if (content === undefined) return [term]
    return termsOf(content, text).map((each) => {
      if (each.value !== '?') return each
      const given = terms.find(({ name, value }) => name === each.name && value !== undefined)
      if (given === undefined) {
        throw wrong(
          `'${text}' lacks the parameter ${each.name}: write ${pmu.name}/${term.name},${each.name}=VALUE/.`,
        )
      }
      used.add(given)
      return given
    })
  })
  return expanded.filter((term, place) => !used.has(term) || expanded.indexOf(term) === place)
}

function setTerm(
  config: Record<ConfigWord, bigint>,
  term: Term,
  context: PmuContext & { readonly pmu: Pmu },
): void {
  const { pmu, places, text } = context
  const word = WORDS.find((each) => each === term.name)
  const raw = /^r([0-9a-f]{1,16})$/i.exec(term.name)
  const format = textIn(places.devices, pmu.name, 'format', term.name)
  if (word !== undefined && format === undefined) {
    config[word] = limited(numberOf(term, text), 64, term, text)
  } else if (raw !== null && term.value === undefined && format === undefined) {
    config.config = BigInt(`0x${raw[1]}`)
  } else {
    setBits(config, term, formatFor(format, term, context), text)
  }
}

function formatFor(
  format: string | undefined,
  { name }: Term,
  context: PmuContext & { readonly pmu: Pmu },
): TermFormat {
  const { pmu, places, text } = context
  if (format === undefined) {
    const formats = namesIn(places.devices, pmu.name, 'format')
    const events = eventNamesOf(pmu.name, places)
    const known = `it has ${formats.join(', ') || 'none'}; config, config1, config2, period, freq and name are everybody's`
    const meant = didYouMean(name, [...formats, ...events]) || `: ${known}`
    throw wrong(`The PMU ${pmu.name} has no term or event '${name}'${meant} ('${text}').`)
  }
  const read = formatOf(format)
  if (read !== undefined && WORDS.some((word) => word === read.word)) return read
  throw new AgentError(
    'EVENT.REFUSED',
    `The term '${name}' of '${text}' is refused: it stands in ${read?.word ?? `'${format}'`}, and Sonde fills config, config1 and config2 (${places.devices}/${pmu.name}/format/${name}).`,
  )
}

function setBits(
  config: Record<ConfigWord, bigint>,
  term: Term,
  { word, bits }: TermFormat,
  text: string,
): void {
  const value = limited(numberOf(term, text), bits.length, term, text)
  const place = word as ConfigWord
  bits.forEach((bit, index) => {
    const mask = 1n << BigInt(bit)
    const isSet = ((value >> BigInt(index)) & 1n) === 1n
    config[place] = isSet ? config[place] | mask : config[place] & ~mask
  })
}

function numberOf({ name, value }: Term, text: string): bigint {
  if (value === undefined) return 1n
  const number = numberIn(value)
  if (number !== undefined) return number
  throw wrong(`'${name}=${value}' of '${text}': expected a number.`)
}

function limited(value: bigint, bits: number, { name }: Term, text: string): bigint {
  const most = (1n << BigInt(bits)) - 1n
  if (value <= most) return value
  throw wrong(`'${name}' of '${text}' is too large: the most is ${most} (${bits} bits).`)
}

/** Files like `mem-loads.scale` say something of an event, and are none. */
export const eventNamesOf = (pmu: string, { devices }: EventPlaces): readonly string[] =>
  namesIn(devices, pmu, 'events').filter((name) => !/\.(scale|unit|snapshot|per-pkg)$/.test(name))

/** Names under which the kernel shows CPU PMUs: x86 (hybrid too), Arm, RISC-V, s390, Apple. */
const CPU_PMU = /^(cpu|cpu_core|cpu_atom|cpum_cf|riscv.*|arm.*pmu.*|apple_.*_pmu)$/

/** The machine's CPU PMUs by their names in sysfs; a virtual machine often has none. */
export const cpuPmus = ({ devices }: Pick<EventPlaces, 'devices'>): readonly string[] =>
  namesIn(devices).filter((name) => CPU_PMU.test(name))

/** How little skid the machine can do, 0 to 3. */
export const maxPrecisionOf = (places: EventPlaces): number =>
  Math.max(
    0,
    ...cpuPmus(places).map((pmu) => Number(textIn(places.devices, pmu, 'caps', 'max_precise') ?? 0)),
  )

const wrong = (message: string): AgentError => new AgentError('EVENT.UNKNOWN', message)
